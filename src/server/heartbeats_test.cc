#include "server/heartbeats.h"

#include <gtest/gtest.h>

#include "sim/clock.h"

namespace stele::server {
namespace {

using std::chrono::seconds;

class HeartbeatsTest : public ::testing::Test {
 protected:
  std::vector<std::string> told() { return std::exchange(told_, {}); }
  static std::vector<std::string> words(std::initializer_list<std::string> all) { return all; }

  sim::Clock clock;
  bool can_tell = true;
  std::vector<std::string> told_, first_;
  Heartbeats heartbeats{clock, seconds(60), [this](const Heartbeats::Silence& silence) {
                          using What = Heartbeats::Silence::What;
                          EXPECT_LE(silence.since, clock.wall());
                          if (!can_tell) return Status(fail(Code::kBusy, "not now"));
                          if (silence.what == What::kFirst) {
                            first_.push_back(silence.host);
                          } else {
                            const bool is_over = silence.what == What::kOver;
                            told_.push_back(silence.host + (is_over ? " is back" : ""));
                          }
                          return Status();
                        }};
};

TEST_F(HeartbeatsTest, who_goes_on_is_not_silent) {
  wire::Heartbeat heartbeat;
  for (int i = 0; i < 20; ++i) {
    heartbeat.sessions += 1;
    heartbeats.take("web01", heartbeat);
    clock.advance(seconds(60));
    heartbeats.look();
  }
  EXPECT_EQ(told(), words({}));
  EXPECT_EQ(heartbeats.last("web01")->heartbeat.sessions, 20U);
  EXPECT_EQ(heartbeats.last("web01")->received, clock.wall() - seconds(60));
  EXPECT_FALSE(heartbeats.last("web02").has_value());
}

TEST_F(HeartbeatsTest, silence_is_told_once_and_so_is_its_end) {
  heartbeats.take("web01", {});
  heartbeats.take("web02", {});
  clock.advance(seconds(61));
  heartbeats.heard("web02");
  for (int i = 0; i < 3; ++i) heartbeats.look();
  EXPECT_EQ(told(), words({"web01"})) << "the other one sent a segment";
  heartbeats.heard("web01");
  EXPECT_EQ(told(), words({"web01 is back"}));
  heartbeats.look();
  EXPECT_EQ(told(), words({}));
  clock.advance(seconds(61));
  heartbeats.look();
  EXPECT_EQ(told(), words({"web01", "web02"}));
}

TEST_F(HeartbeatsTest, a_host_that_never_came_back_after_a_restart_is_silent_too) {
  heartbeats.expect("web01");
  heartbeats.expect("web02");
  heartbeats.forget("web02");
  clock.advance(seconds(61));
  heartbeats.look();
  EXPECT_EQ(told(), words({"web01"}));
}

TEST_F(HeartbeatsTest, who_is_heard_for_the_first_time_is_told_once) {
  heartbeats.expect("web01");
  heartbeats.heard("web01");
  EXPECT_EQ(first_, words({})) << "on the thread that looks";
  for (int i = 0; i < 3; ++i) {
    heartbeats.look();
    heartbeats.take("web01", {});
  }
  EXPECT_EQ(first_, words({"web01"}));
}

TEST_F(HeartbeatsTest, what_can_not_be_told_is_told_later) {
  heartbeats.take("web01", {});
  heartbeats.look();
  can_tell = false;
  clock.advance(seconds(61));
  heartbeats.look();
  EXPECT_FALSE(heartbeats.is_silent("web01"));
  can_tell = true;
  heartbeats.look();
  EXPECT_TRUE(heartbeats.is_silent("web01"));
  can_tell = false;
  heartbeats.heard("web01");
  EXPECT_EQ(told(), words({"web01"}));
  can_tell = true;
  heartbeats.look();
  heartbeats.look();
  EXPECT_EQ(told(), words({"web01 is back"}));
}

TEST_F(HeartbeatsTest, a_clock_that_is_set_makes_nobody_silent) {
  heartbeats.take("web01", {});
  clock.set_wall(clock.wall() + std::chrono::hours(100));
  heartbeats.look();
  EXPECT_EQ(told(), words({}));
}

}  // namespace
}  // namespace stele::server
