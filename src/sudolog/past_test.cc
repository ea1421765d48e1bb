#include "sudolog/past.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace stele::sudolog {
namespace {

using std::chrono::seconds;

constexpr Heard kShown{Heard::Kind::kTtyOut, seconds(1), 9, 77};
constexpr Heard kKey{Heard::Kind::kTtyIn, seconds(1), 1, 0};

/// The file that a Past's entries make, and the Past itself.
struct Written {
  void add(const Bytes& entry) { file.insert(file.end(), entry.begin(), entry.end()); }
  Past past{Past::Token{1, 2, 3}, BootTime(Micros(5))};
  Bytes file = past.encode();
};

/// Three records, of three pieces each, in messages 4 … 12; the first one is a point. Two keys in
/// messages 13 and 14.
Written written() {
  Written all;
  all.add(all.past.hear(1, {kShown, 3, 0, 4}));
  all.add(all.past.tell({.elapsed = seconds(1), .messages = 6, .records = 1}));
  all.add(all.past.hear(2, {kShown, 3, 0, 7}));
  all.add(all.past.hear(3, {kShown, 3, 0, 10}));
  all.add(all.past.hear(4, {kKey, 0, 0, 13}));
  all.add(all.past.type({1, 1, 13}));
  all.add(all.past.type({2, 1, 14}));
  return all;
}

/// Of the same, two lines that its keys submitted, in messages 15 and 17, and between them what was
/// redacted.
Written with_lines() {
  Written all = written();
  all.add(all.past.line({1, 15}));
  all.add(all.past.type({10, 16, 16, true}));
  all.add(all.past.line({2, 17}));
  return all;
}

TEST(Past, ItsEntriesMakeItAgain) {
  Written all = with_lines();
  EXPECT_EQ(parse_past(all.file).value(), all.past);
  EXPECT_EQ(parse_past(all.past.encode()).value(), all.past);
  all.add(all.past.go_on(Point(*all.past.point(seconds(1))), 8));
  EXPECT_EQ(parse_past(all.file).value(), all.past);
  EXPECT_EQ(parse_past(all.past.encode()).value(), all.past);
}

// docs/formats/agent-state.md, "Example".
TEST(Past, TheExampleOfItsFormatIsThisPast) {
  const Bytes example = from_hex(
                            "7374656c652d7375646f2d6c6f672d76310a000102030405060708090a0b0c0d0e0f00"
                            "000000000f42400000000000000001"
                            "010000000000000001010000000000989680000000028f0c2d417a5be3960000000100"
                            "0000000000000000000004"
                            "0300000000009896800000000000000004000000000000000100000000000000000000"
                            "00000000000200000000000000000018005000"
                            "0100000000000000020000000000009896800000000100000000000000000000000000"
                            "0000000000000000000005"
                            "02000000000000000100000000000000010000000000000005"
                            "0600000000000000010000000000000006"
                            "05000000000000000800000000000000100000000000000007")
                            .value();
  Written all;
  all.past = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, BootTime(seconds(1))};
  all.file = all.past.encode();
  constexpr Nanos kDelay = std::chrono::milliseconds(10);
  all.add(all.past.hear(1, {{Heard::Kind::kTtyOut, kDelay, 2, 0x8f0c2d417a5be396}, 1, 0, 4}));
  all.add(all.past.tell({kDelay, 4, 1, 0, 2, 0, 24, 80}));
  all.add(all.past.hear(2, {{Heard::Kind::kTtyIn, kDelay, 1, 0}, 0, 0, 5}));
  all.add(all.past.type({1, 1, 5}));
  all.add(all.past.line({1, 6}));
  all.add(all.past.type({8, 16, 7, true}));
  EXPECT_EQ(all.file, example);
  EXPECT_EQ(parse_past(example).value(), all.past);
}

TEST(Past, AnEntryThatIsNotWholeIsLeftOut) {
  const Written all = with_lines();
  const size_t head = Past(all.past.token, all.past.began).encode().size();
  for (size_t size = 0; size < all.file.size(); ++size) {
    const auto cut = parse_past(ByteSpan(all.file).first(size));
    ASSERT_EQ(cut.has_value(), size >= head) << size;
    if (cut) {
      EXPECT_LE(cut->records.size(), all.past.records.size());
    }
  }
}

TEST(Past, WhatIsDurableOfARecordIsToldByThePiece) {
  for (uint64_t durable = 6; durable <= 14; ++durable) {
    Past past = written().past;
    past.go_on(Point(*past.point(seconds(1))), durable);
    const uint64_t done = past.record(2)->done + past.record(3)->done;
    EXPECT_EQ(done, std::min<uint64_t>(durable, 12) - 6);
    EXPECT_EQ(past.typed_durable(), durable - std::min<uint64_t>(durable, 12));
    EXPECT_EQ(past.record(5), nullptr);
  }
}

TEST(Past, OfLinesItIsKnownWhichAreDurable) {
  for (uint64_t durable = 14; durable <= 17; ++durable) {
    Past past = with_lines().past;
    past.go_on(Point(*past.point(seconds(1))), durable);
    EXPECT_EQ(past.lines.size(), durable < 15 ? 0U : durable < 17 ? 1U : 2U) << durable;
    EXPECT_EQ(past.is_redacted(9, 10), durable >= 16) << durable;
  }
}

TEST(Past, WhatWasRedactedIsKnownToTheByte) {
  Past past = with_lines().past;
  past.type({12, 2, 18});
  EXPECT_FALSE(past.is_redacted(0, 2));
  EXPECT_TRUE(past.is_redacted(0, 3));
  EXPECT_TRUE(past.is_redacted(9, 12));
  EXPECT_FALSE(past.is_redacted(10, 12));
}

TEST(Past, ALineThatCanNotBeTypedAgainIsNotKept) {
  Past past = with_lines().past;
  past.tell({.elapsed = seconds(2), .messages = 17, .records = 4, .typed = 1});
  for (size_t i = 0; i < Past::kPointsMax - 1; ++i)
    past.tell({.elapsed = seconds(3 + i), .messages = 17, .records = 4, .typed = 10});
  ASSERT_EQ(past.lines.size(), 1U) << "the oldest point is behind the other";
  EXPECT_TRUE(past.line({1, 18}).empty());
  EXPECT_EQ(past.lines.size(), 1U);
  Bytes file = past.encode();
  const Bytes late = Past().line({1, 18});
  file.insert(file.end(), late.begin(), late.end());
  EXPECT_EQ(parse_past(file).error().code, Code::kCorrupt);
}

TEST(Past, WhatIsHeardAgainAndCutAgainIsStillToldByThePiece) {
  Past past = written().past;
  const Point from = *past.point(seconds(1));
  past.go_on(from, 8);                                  // two pieces of record 2
  past.hear(2, {kShown, 3, past.record(2)->done, 9});   // its third is message 9
  past.hear(3, {kShown, 3, past.record(3)->done, 10});  // the next ones 10 … 12
  past.go_on(from, 10);
  EXPECT_TRUE(past.record(2)->is_done());
  EXPECT_EQ(past.record(3)->done, 1U);
}

TEST(Past, WhatIsBehindTheOldestPointIsForgotten) {
  Past past;
  for (uint64_t i = 1; i <= 100; ++i) {
    past.hear(i, {kShown, 1, 0, i});
    past.type({i, 1, i});
    past.tell({.elapsed = seconds(i), .messages = i, .records = i, .typed = i});
  }
  EXPECT_EQ(past.points.size(), Past::kPointsMax);
  EXPECT_EQ(past.records.size(), Past::kPointsMax - 1);
  EXPECT_EQ(past.typed.size(), Past::kPointsMax - 1);
  EXPECT_EQ(past.point(seconds(1)), nullptr) << "too long ago";
}

TEST(Past, AFloodWithoutAPointTakesNoMoreRoom) {
  Past past;
  past.hear(1, {kShown, 1, 0, 1});
  past.tell({.elapsed = seconds(1), .messages = 1, .records = 1});
  for (uint64_t i = 2; i <= Past::kRecordsMax + 9; ++i) past.hear(i, {kShown, 1, 0, i});
  EXPECT_EQ(past.records.size(), Past::kRecordsMax);
  EXPECT_EQ(past.point(seconds(1)), nullptr) << "what came after it is not all known";
  EXPECT_EQ(parse_past(past.encode()).value(), past);
}

TEST(Past, AFloodOfLinesTakesNoMoreRoomEither) {
  Past past;
  past.hear(1, {kShown, 1, 0, 1});
  past.tell({.elapsed = seconds(1), .messages = 1, .records = 1});
  past.hear(2, {{Heard::Kind::kTtyIn, seconds(1), 1 << 20, 0}, 0, 0, 2});
  for (uint64_t i = 1; i <= Past::kRecordsMax + 1; ++i) past.line({i, i + 1});
  EXPECT_EQ(past.lines.size(), Past::kRecordsMax);
  EXPECT_EQ(past.point(seconds(1)), nullptr) << "which lines came after it is not all known";
  EXPECT_EQ(parse_past(past.encode()).value(), past);
}

TEST(Past, GarbageIsRefused) {
  Bytes file = Past().encode();
  file.push_back(9);
  EXPECT_EQ(parse_past(file).error().code, Code::kCorrupt);
  file[0] = 0;
  EXPECT_EQ(parse_past(file).error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace stele::sudolog
