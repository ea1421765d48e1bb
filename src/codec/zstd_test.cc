#include "codec/zstd.h"

#include <gtest/gtest.h>

#include <random>

#include "base/hex.h"

namespace stele::codec {
namespace {

constexpr size_t kMuch = size_t{1} << 22;

// Something like a terminal's output: words, numbers, colours.
Bytes terminal_like(size_t size, uint64_t seed) {
  static constexpr std::string_view kWords[] = {
      "total ",  "drwxr-xr-x ", "\x1b[01;34m", "\x1b[0m", "root ",
      "Nov 23 ", "src/",        "error: ",     "\r\n",    "build "};
  std::mt19937_64 random(seed);
  Bytes out;
  while (out.size() < size) {
    const std::string piece =
        random() % 3 == 0 ? std::to_string(random() % 100'000) : std::string(kWords[random() % 10]);
    out.insert(out.end(), piece.begin(), piece.end());
  }
  out.resize(size);
  return out;
}

Bytes noise(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes out(size);
  for (uint8_t& b : out) b = static_cast<uint8_t>(random());
  return out;
}

Bytes compressed(Compressor& compressor, ByteSpan piece) {
  Bytes out;
  EXPECT_TRUE(compressor.compress(piece, out));
  return out;
}

Bytes decompressed(Decompressor& decompressor, ByteSpan piece) {
  Bytes out;
  const Status status = decompressor.decompress(piece, kMuch, out);
  EXPECT_TRUE(status) << (status ? "" : status.error().context);
  return out;
}

TEST(Compressor, gives_every_piece_back_at_once_at_every_level_and_size) {
  const size_t sizes[] = {1, 2, 20, 300, 4096, 65'535, 65'536, 131'072, 131'073, 300'000};
  for (int level : {-5, 1, 3, 9, 19}) {
    Compressor compressor(level, 17);
    Decompressor decompressor;
    for (size_t size : sizes) {
      if (level == 19 && size > 5000) break;  // slow
      for (const Bytes& piece : {terminal_like(size, size), noise(size, size), Bytes(size, 'x')}) {
        ASSERT_EQ(decompressed(decompressor, compressed(compressor, piece)), piece)
            << level << ", " << size;
      }
    }
  }
}

TEST(Compressor, costs_little_for_a_key) {
  Compressor compressor;
  EXPECT_LE(compressed(compressor, as_bytes("\x83\x03\x19\x04\xd2\x41l")).size(), 6U + 3U + 7U);
  EXPECT_LE(compressed(compressor, as_bytes("\x83\x03\x19\x05\xd3\x41s")).size(), 3U + 7U);
  EXPECT_TRUE(compressed(compressor, {}).empty());
}

TEST(Compressor, writes_standard_frames_without_size_and_checksum) {
  Compressor compressor;
  EXPECT_EQ(to_hex(compressed(compressor, as_bytes("a"))),
            "28b52ffd"
            "00"
            "48"
            "08000061");
}

TEST(Compressor, uses_what_was_said_before) {
  Compressor compressor(9);
  const Bytes once = terminal_like(4000, 1);
  const size_t first = compressed(compressor, once).size();
  EXPECT_LT(compressed(compressor, once).size(), first / 20);
}

TEST(Compressor, takes_another_level_in_the_same_stream) {
  Compressor compressor(9);
  Decompressor decompressor;
  for (int level : {9, 1, 1, -3, 19, 9}) {
    compressor.set_level(level);
    const Bytes piece = terminal_like(5000, static_cast<uint64_t>(level + 10));
    ASSERT_EQ(decompressed(decompressor, compressed(compressor, piece)), piece) << level;
  }
}

TEST(Compressor, ends_the_frame_only_for_another_level) {
  const Bytes piece = terminal_like(5000, 1);
  Compressor compressor(9), same(9), there_and_back(9);
  for (Compressor* c : {&compressor, &same, &there_and_back}) compressed(*c, piece);
  same.set_level(9);
  const Bytes next = compressed(compressor, piece);
  EXPECT_EQ(compressed(same, piece), next);
  compressor.set_level(1);
  EXPECT_EQ(to_hex(ByteSpan(compressed(compressor, piece)).first(7)),
            "010000"
            "28b52ffd");
}

TEST(Compressor, gives_memory_back_when_the_level_falls) {
  Compressor compressor(9);
  EXPECT_EQ(compressor.memory(), 0U) << "nothing before the first piece";
  compressed(compressor, as_bytes("x"));
  const size_t calm = compressor.memory();
  compressor.set_level(1);
  compressed(compressor, as_bytes("x"));
  EXPECT_LT(compressor.memory(), calm);
}

TEST(Compressor, takes_a_recorders_memory_not_an_archivers) {
  for (int level = -5; level <= 19; ++level) {
    Compressor compressor(level);
    compressed(compressor, as_bytes("x"));
    EXPECT_LT(compressor.memory(), size_t{3200} << 10) << level;
  }
}

TEST(Compressor, begins_anew_after_a_restart) {
  Compressor compressor;
  const Bytes first = compressed(compressor, terminal_like(3000, 1));
  compressed(compressor, terminal_like(3000, 2));
  compressor.restart();
  EXPECT_EQ(compressed(compressor, terminal_like(3000, 1)), first);
}

TEST(Compressor, forgets_a_level_change_that_a_restart_made_needless) {
  Compressor compressor(3), fresh(1);
  compressed(compressor, as_bytes("x"));
  compressor.set_level(1);
  compressor.restart();
  EXPECT_EQ(compressed(compressor, as_bytes("y")), compressed(fresh, as_bytes("y")));
}

TEST(Decompressor, refuses_a_piece_cut_at_any_byte) {
  const Bytes piece = terminal_like(3000, 1);
  Compressor compressor;
  const Bytes first = compressed(compressor, piece),
              second = compressed(compressor, terminal_like(300, 2));
  for (size_t size = 1; size < first.size(); ++size) {
    Decompressor decompressor;
    Bytes out;
    const Status status = decompressor.decompress(ByteSpan(first).first(size), kMuch, out);
    // The frame's header alone is a piece that holds nothing.
    if (size == 6) continue;
    ASSERT_FALSE(status) << size;
    EXPECT_EQ(status.error().code, Code::kCorrupt);
    EXPECT_TRUE(out.empty());
  }
  for (size_t size = 1; size < second.size(); ++size) {
    Decompressor decompressor;
    decompressed(decompressor, first);
    Bytes out;
    ASSERT_FALSE(decompressor.decompress(ByteSpan(second).first(size), kMuch, out)) << size;
  }
}

TEST(Decompressor, survives_every_flipped_bit) {
  Compressor compressor(19);
  const Bytes piece = compressed(compressor, terminal_like(2000, 1));
  size_t refused = 0;
  for (size_t bit = 0; bit < piece.size() * 8; ++bit) {
    Bytes flipped = piece;
    flipped[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    Decompressor decompressor;
    Bytes out;
    if (!decompressor.decompress(flipped, kMuch, out)) ++refused;
  }
  EXPECT_GT(refused, piece.size());
}

TEST(Decompressor, stops_a_bomb_at_the_byte) {
  Compressor compressor(19);
  const Bytes bomb = compressed(compressor, Bytes(kMuch, 0));
  EXPECT_LT(bomb.size(), 1000U);
  for (size_t bytes_max : {size_t{0}, size_t{1}, size_t{65'536}, kMuch - 1}) {
    Decompressor decompressor;
    Bytes out = {1, 2, 3};
    const Status status = decompressor.decompress(bomb, bytes_max, out);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::kLimit);
    EXPECT_EQ(out, Bytes({1, 2, 3}));
    EXPECT_FALSE(decompressor.decompress(bomb, kMuch, out)) << "the rest of a bomb is no stream";
  }
  Decompressor decompressor;
  Bytes out;
  EXPECT_TRUE(decompressor.decompress(bomb, kMuch, out));
  EXPECT_EQ(out.size(), kMuch);
}

TEST(Decompressor, takes_a_frame_that_ends_where_its_buffer_does) {
  for (size_t size : {65'535, 65'536, 131'072}) {
    Compressor compressor(1);
    Decompressor decompressor;
    const Bytes piece = noise(size, 1);
    Bytes frame = compressed(compressor, piece);
    compressor.set_level(2);
    const Bytes next = compressed(compressor, as_bytes("x"));
    frame.insert(frame.end(), next.begin(), next.begin() + 3);  // the frame's end
    ASSERT_EQ(decompressed(decompressor, frame), piece);
    ASSERT_EQ(decompressed(decompressor, ByteSpan(next).subspan(3)), Bytes({'x'}));
  }
}

TEST(Decompressor, provides_for_no_larger_window_than_the_format_allows) {
  Bytes large = {0x28, 0xb5, 0x2f, 0xfd, 0x00, (24 - 10) << 3, 0x08, 0x00, 0x00, 'a'};
  Bytes out;
  Decompressor decompressor;
  EXPECT_EQ(decompressor.decompress(large, kMuch, out).error().code, Code::kLimit);
  large[5] = (23 - 10) << 3;
  decompressor.restart();
  EXPECT_TRUE(decompressor.decompress(large, kMuch, out));
}

TEST(Decompressor, stays_broken_until_restarted) {
  Compressor compressor;
  const Bytes good = compressed(compressor, as_bytes("good"));
  Decompressor decompressor;
  Bytes out;
  EXPECT_FALSE(decompressor.decompress(as_bytes("not zstd at all"), kMuch, out));
  EXPECT_FALSE(decompressor.decompress(good, kMuch, out));
  decompressor.restart();
  EXPECT_EQ(as_text(decompressed(decompressor, good)), "good");
}

}  // namespace
}  // namespace stele::codec
