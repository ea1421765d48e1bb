#include "agent/host_beat.h"

#include <gtest/gtest.h>

#include <atomic>

#include "sim/clock.h"

namespace stele::agent {
namespace {

using std::chrono::seconds;

class HostBeatTest : public ::testing::Test {
 protected:
  HostBeat::Measure measure = [] {
    wire::Heartbeat heartbeat;
    heartbeat.sessions = 7;
    return heartbeat;
  };
  HostBeat::Post post = [this](ByteSpan request) -> Result<Bytes> {
    heard = wire::parse_heartbeat(request).value();
    clock.advance(seconds(2));
    return wire::encode(wire::HeartbeatAnswer{clock.wall() - seconds(1) + ahead, list});
  };
  HostBeat::Hear tell = [this](Micros offset, const Hash& recipients) {
    told = offset;
    EXPECT_EQ(recipients, list);
  };

  sim::Clock clock;
  Micros ahead{0};
  Hash list = {7};
  wire::Heartbeat heard;
  std::optional<Micros> told;
};

TEST_F(HostBeatTest, says_what_is_measured_and_learns_how_far_the_clock_is_off) {
  const WallTime now = clock.wall();
  for (const Micros off : {Micros(0), Micros(seconds(300)), Micros(-seconds(300))}) {
    ahead = off;
    ASSERT_TRUE(HostBeat::beat(measure, post, tell, clock));
    EXPECT_EQ(told, off);
  }
  EXPECT_EQ(heard.sessions, 7U);
  EXPECT_EQ(heard.wall, now + seconds(4));
}

TEST_F(HostBeatTest, learns_nothing_from_who_does_not_answer) {
  EXPECT_FALSE(HostBeat::beat(
      measure, [](ByteSpan) { return fail(Code::kIo, "unreachable"); }, tell, clock));
  EXPECT_FALSE(HostBeat::beat(
      measure, [](ByteSpan) -> Result<Bytes> { return Bytes{1, 2, 3}; }, tell, clock));
  EXPECT_FALSE(told.has_value());
}

TEST_F(HostBeatTest, has_a_thread_that_ends_when_it_is_told_to) {
  std::atomic<int> beats = 0;
  const HostBeat::Post count = [&](ByteSpan) -> Result<Bytes> {
    ++beats;
    beats.notify_all();
    return wire::encode(wire::HeartbeatAnswer());
  };
  const HostBeat::Hear ignore = [](Micros, const Hash&) {};
  const HostBeat beat(measure, count, ignore, clock);
  beats.wait(0);
  EXPECT_EQ(beats, 1);
}

}  // namespace
}  // namespace stele::agent
