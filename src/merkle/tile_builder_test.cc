#include "merkle/tile_builder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "merkle/memory_reader.h"
#include "merkle/test_tree.h"

namespace stele::merkle {
namespace {

constexpr uint64_t kSizes[] = {0, 1, 2, 255, 256, 257, 511, 512, 1000, 65535, 65536, 65537, 70000};

void extend(TileBuilder& builder, uint64_t size) {
  for (uint64_t i = builder.size(); i < size; ++i) CHECK(builder.append(as_bytes(entry_text(i))));
}

TEST(TileBuilder, makes_exactly_the_files_of_a_log_of_its_size) {
  for (uint64_t size : kSizes) {
    TileBuilder builder;
    extend(builder, size);
    std::vector<Tile> full, partial;
    for (const auto& file : builder.take_full()) {
      full.push_back(file.tile);
      EXPECT_TRUE(file.tile.is_bundle() || file.bytes.size() == kTileBytes);
    }
    for (const auto& file : builder.partial()) partial.push_back(file.tile);
    auto expected = new_full_tiles(0, size);
    std::sort(full.begin(), full.end());
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(full, expected) << size;
    EXPECT_EQ(partial, partial_tiles(size)) << size;
    EXPECT_TRUE(builder.take_full().empty());
  }
}

// The definition in tlog-tiles: hash i of tile n at level l = MTH(D[(n*256+i)*256^l :
// (n*256+i+1)*256^l]).
TEST(TileBuilder, puts_into_tiles_what_the_standard_defines) {
  const auto leaves = leaf_hashes(70000);
  TileBuilder builder;
  extend(builder, leaves.size());
  auto files = builder.take_full();
  for (auto& file : builder.partial()) files.push_back(file);
  for (const TileFile& file : files) {
    if (file.tile.is_bundle()) {
      const auto entries = parse_bundle(file.bytes, file.tile.width);
      ASSERT_TRUE(entries);
      for (uint64_t i = 0; i < file.tile.width; ++i) {
        ASSERT_EQ(as_text((*entries)[i]), entry_text(file.tile.index * 256 + i));
      }
      continue;
    }
    const auto hashes = parse_tile(file.bytes, file.tile.width);
    ASSERT_TRUE(hashes);
    const uint64_t span = uint64_t{1} << (8 * file.tile.level);
    for (uint64_t i = 0; i < file.tile.width; ++i) {
      const uint64_t first = (file.tile.index * 256 + i) * span;
      ASSERT_EQ((*hashes)[i], rfc_root(std::span(leaves).subspan(first, span)))
          << path(file.tile) << " " << i;
    }
  }
}

TEST(TileBuilder, knows_the_root_at_every_size) {
  const auto leaves = leaf_hashes(600);
  TileBuilder builder;
  EXPECT_EQ(builder.root(), empty_root());
  for (size_t size = 1; size <= leaves.size(); ++size) {
    extend(builder, size);
    ASSERT_EQ(builder.root(), rfc_root(std::span(leaves).first(size))) << size;
  }
  Frontier frontier;
  for (const Hash& leaf : leaf_hashes(70000)) frontier.append(leaf);
  extend(builder, 70000);
  EXPECT_EQ(builder.root(), frontier.root());
}

TEST(TileBuilder, makes_the_same_files_however_often_it_was_restored) {
  TileBuilder whole;
  extend(whole, 70000);
  MemoryReader at_once;
  at_once.publish(whole);

  MemoryReader in_steps;
  uint64_t published = 0;
  for (uint64_t size : kSizes) {
    auto builder = TileBuilder::restore(in_steps, published);
    ASSERT_TRUE(builder) << builder.error().message();
    extend(*builder, size);
    in_steps.publish(*builder);
    ASSERT_EQ(builder->root(), *root_of(in_steps, size)) << size;
    published = size;
  }
  EXPECT_EQ(in_steps.files, at_once.files);
}

TEST(TileBuilder, restored_reads_the_partial_files_alone) {
  TileBuilder builder;
  extend(builder, 70000);
  MemoryReader reader;
  reader.publish(builder);
  ASSERT_TRUE(TileBuilder::restore(reader, 70000));
  EXPECT_EQ(reader.reads.size(), partial_tiles(70000).size());
  for (const auto& [tile, count] : reader.reads) EXPECT_EQ(count, 1) << path(tile);
}

TEST(TileBuilder, restores_an_older_size_where_the_tiles_are_full_by_now) {
  TileBuilder builder;
  extend(builder, 65537);
  MemoryReader reader;
  reader.publish(builder);
  auto older = TileBuilder::restore(reader, 65400);
  ASSERT_TRUE(older) << older.error().message();
  EXPECT_EQ(older->root(), rfc_root(leaf_hashes(65400)));
  extend(*older, 65537);
  EXPECT_EQ(older->root(), builder.root());
  EXPECT_EQ(older->partial(), builder.partial());
}

TEST(TileBuilder, refuses_a_bundle_that_is_not_what_the_tile_over_it_says) {
  TileBuilder builder;
  extend(builder, 300);
  MemoryReader reader;
  reader.publish(builder);
  reader.files[{kEntries, 1, 44}].back() ^= 1;
  const auto restored = TileBuilder::restore(reader, 300);
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, Code::kCorrupt);
}

TEST(TileBuilder, does_not_restore_without_its_files_or_beyond_all_sizes) {
  MemoryReader nothing;
  EXPECT_EQ(TileBuilder::restore(nothing, 300).error().code, Code::kNotFound);
  EXPECT_EQ(TileBuilder::restore(nothing, kSizeMax + 1).error().code, Code::kInvalid);
}

TEST(TileBuilder, is_unchanged_by_an_entry_that_is_too_large) {
  TileBuilder builder;
  extend(builder, 3);
  const auto before = builder.partial();
  EXPECT_EQ(builder.append(Bytes(kEntryBytesMax + 1)).error().code, Code::kLimit);
  EXPECT_EQ(builder.size(), 3U);
  EXPECT_EQ(builder.partial(), before);
}

}  // namespace
}  // namespace stele::merkle
