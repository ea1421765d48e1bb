#include "spool/record.h"

#include "base/check.h"
#include "spool/state.h"
#include "spool/test_world.h"

namespace stele::spool {
namespace {

Front front_of(ByteSpan segment) {
  return {.from_reserve = true,
          .owner = 1000,
          .taken = 77,
          .spooled = WallTime(Micros(123456789)),
          .durable = 4096,
          .segment_hash = crypto::sha256(segment),
          .header = segment::parse_segment(segment)->header};
}

TEST(Record, front_round_trips) {
  const Bytes segment = TestStream(1).next();
  const Front front = front_of(segment);
  const auto encoded = encode(front, segment);
  Bytes record(encoded.begin(), encoded.end());
  record.insert(record.end(), segment.begin(), segment.end());
  EXPECT_EQ(parse_front(record).value(), front);
  EXPECT_EQ(front.record_bytes(), record.size());
}

TEST(Record, every_flipped_bit_of_front_or_header_is_found) {
  const Bytes segment = TestStream(1).next();
  const auto encoded = encode(front_of(segment), segment);
  Bytes record(encoded.begin(), encoded.end());
  record.insert(record.end(), segment.begin(), segment.end());
  for (size_t bit = 0; bit < kRecordBytesMin * 8; ++bit) {
    record[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(parse_front(record).has_value()) << bit;
    record[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  for (size_t cut = 0; cut < kRecordBytesMin; ++cut)
    EXPECT_FALSE(parse_front(ByteSpan(record).first(cut)).has_value());
}

TEST(Record, later_versions_are_told_from_damage) {
  const Bytes segment = TestStream(1).next();
  auto encoded = encode(front_of(segment), segment);
  const size_t kCheck = 66;
  for (const size_t field : {4U, 5U}) {  // version, flags
    auto changed = encoded;
    changed[field] = 2;
    const Hash check = crypto::sha256(
        {ByteSpan(changed).first(kCheck), ByteSpan(segment).first(segment::kHeaderBytes)});
    std::copy(check.begin(), check.end(), changed.begin() + kCheck);
    Bytes record(changed.begin(), changed.end());
    record.insert(record.end(), segment.begin(), segment.end());
    EXPECT_EQ(parse_front(record).error().code, Code::kUnsupported);
  }
}

State some_state() {
  FreedStream open{TestStream(1).id(), false, {}, 1000, {}};
  open.freed = {{{1, 2, 3, 4, 5, 6, 7, 8}, 12, false, crypto::sha256({})}, 120};
  FreedStream aside{TestStream(2).id(), true, Kept{0, 30}, 1001, {}};
  return {7, {{3, 4096}, {7, kOpenEnd}}, {open, aside}};
}

TEST(State, round_trips_and_every_flipped_bit_is_found) {
  const State state = some_state();
  Bytes bytes = encode(state);
  EXPECT_EQ(parse_state(bytes).value(), state);
  EXPECT_EQ(parse_state(encode(State{})).value(), State{});
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(parse_state(bytes).has_value()) << bit;
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  for (size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(parse_state(ByteSpan(bytes).first(cut)).has_value());
}

TEST(State, has_no_second_spelling) {
  const auto refused = [](State state) { return !parse_state(encode(state)).has_value(); };
  State swapped = some_state();
  std::swap(swapped.streams[0], swapped.streams[1]);
  EXPECT_TRUE(refused(swapped));
  State twice = some_state();
  twice.streams[1] = twice.streams[0];
  EXPECT_TRUE(refused(twice));
  State backwards = some_state();
  std::swap(backwards.files[0], backwards.files[1]);
  EXPECT_TRUE(refused(backwards));
  State beyond = some_state();
  beyond.through = 6;
  EXPECT_TRUE(refused(beyond)) << "a file that is not used up";
}

TEST(Decision, round_trips_and_has_no_second_spelling) {
  const Decision decision{TestStream(1).id(), 5, "conflict: another stands there"};
  const std::string text = to_text(decision);
  EXPECT_EQ(parse_decision(text).value(), decision);
  for (const std::string& other :
       {text + "\n", text.substr(1), "x" + text, text.substr(0, text.size() - 1),
        std::string("stele-aside-v1\n") + to_string(decision.stream) + "\n05\nwhy\n"}) {
    EXPECT_FALSE(parse_decision(other).has_value()) << other;
  }
  EXPECT_EQ(one_line("two\nlines\r\n"), "two lines  ");
  EXPECT_EQ(one_line(std::string(500, 'x')).size(), kWhyBytesMax);
}

TEST(Names, round_trip_and_have_no_second_spelling) {
  for (const FileName& name : {FileName{0, 0}, FileName{12, 4096}, FileName{1'000'000'000'000, 7}})
    EXPECT_EQ(parse_file_name(to_string(name)), name);
  for (const char* other : {"", ".spool", "-.spool", "0-0.spool", "000000000000-000000000000",
                            "000000000000-00000000000x.spool", "0000000000000-000000000000.spool",
                            "000000000000-000000000000.spool.spool"}) {
    EXPECT_FALSE(parse_file_name(other).has_value()) << other;
  }
  const StreamId id = TestStream(1).id();
  for (const AsideName& name :
       {AsideName{id, 0, AsideName::What::kWhy}, AsideName{id, 7, AsideName::What::kRecords},
        AsideName{id, UINT32_MAX, AsideName::What::kRecords, 3}}) {
    EXPECT_EQ(parse_aside_name(to_string(name)), name) << to_string(name);
  }
  const std::string stem = to_string(id);
  for (const char* end : {"", "-5.why", "-0000000005", "-0000000005.1.why", "-0000000005.0.spool",
                          "-9999999999.spool", "-0000000005.txt", "-0000000005.01.spool"}) {
    EXPECT_FALSE(parse_aside_name(stem + end).has_value()) << end;
  }
}

}  // namespace
}  // namespace stele::spool
