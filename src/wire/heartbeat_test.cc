#include "wire/heartbeat.h"

#include <gtest/gtest.h>

namespace stele::wire {
namespace {

Heartbeat full() {
  Heartbeat heartbeat;
  heartbeat.wall = WallTime(Micros(1'767'225'600'000'000));
  heartbeat.boot = BootTime(Micros(3'600'000'000));
  heartbeat.sessions = 1234;
  heartbeat.open = 3;
  heartbeat.excluded = 4;
  heartbeat.lost = 5;
  heartbeat.waiting = 6;
  heartbeat.waiting_bytes = 7000;
  heartbeat.checkpoint_size = 99;
  heartbeat.checkpoint_root.fill(8);
  heartbeat.terminals = {10, 7, 2};
  return heartbeat;
}

TEST(Heartbeat, has_one_spelling) {
  const Bytes bytes = encode(full());
  EXPECT_EQ(bytes.size(), kHeartbeatBytes);
  EXPECT_EQ(parse_heartbeat(bytes).value(), full());
  Heartbeat without = full();
  without.terminals.reset();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto parsed = parse_heartbeat(ByteSpan(bytes).first(size));
    EXPECT_EQ(parsed.has_value(), size >= encode(without).size()) << size;
    EXPECT_TRUE(!parsed || *parsed == without) << size;
  }
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    const auto parsed = parse_heartbeat(flipped);
    EXPECT_TRUE(!parsed || (*parsed != full() && encode(*parsed) == flipped)) << bit;
  }
}

TEST(Heartbeat, of_tomorrow_is_told_from_no_heartbeat) {
  Bytes bytes = encode(full());
  bytes[4] = 2;
  EXPECT_EQ(parse_heartbeat(bytes).error().code, Code::kUnsupported);
  bytes[0] = 'x';
  EXPECT_EQ(parse_heartbeat(bytes).error().code, Code::kCorrupt);
}

TEST(Heartbeat, has_no_root_of_nothing) {
  Heartbeat heartbeat = full();
  heartbeat.checkpoint_size = 0;
  EXPECT_FALSE(parse_heartbeat(encode(heartbeat)).has_value());
  heartbeat.checkpoint_root = {};
  EXPECT_EQ(parse_heartbeat(encode(heartbeat)).value(), heartbeat);
}

TEST(Heartbeat, is_answered_with_a_clock_and_the_list_in_force) {
  HeartbeatAnswer said{full().wall, {}};
  said.recipients.fill(3);
  const Bytes answer = encode(said);
  EXPECT_EQ(parse_heartbeat_answer(answer).value(), said);
  for (size_t size = 0; size < answer.size(); ++size)
    EXPECT_FALSE(parse_heartbeat_answer(ByteSpan(answer).first(size)).has_value());
}

TEST(Heartbeat, tells_how_far_the_clocks_are_apart) {
  const WallTime sent = full().wall;
  const Micros way(2'000), apart(-70'000'000);
  EXPECT_EQ(clock_offset(sent, sent + way + apart, sent + 2 * way), apart);
  EXPECT_EQ(clock_offset(sent, sent, sent), Micros(0));
  (void)clock_offset(WallTime::min(), WallTime::max(), WallTime::min());
  (void)clock_offset(WallTime::max(), WallTime::min(), WallTime::max());
}

}  // namespace
}  // namespace stele::wire
