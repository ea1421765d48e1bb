#include "cli/play_head.h"

#include <gtest/gtest.h>

namespace stele::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr BootTime kStart{seconds(1000)};
BootTime after(Micros time) { return kStart + time; }

TEST(PlayHead, runs_with_the_clock) {
  const PlayHead head(1, std::nullopt, kStart);
  EXPECT_EQ(head.at(seconds(9), after(seconds(3))), seconds(3));
  EXPECT_EQ(head.wait(seconds(9), after(seconds(3))), seconds(6));
}

TEST(PlayHead, runs_faster_and_slower) {
  PlayHead head(10, std::nullopt, kStart);
  EXPECT_EQ(head.wait(seconds(9), kStart), milliseconds(900));
  head.set_speed(0.5, seconds(9), after(milliseconds(300)));  // at 3 s
  EXPECT_EQ(head.wait(seconds(9), after(milliseconds(300))), seconds(12));
  EXPECT_EQ(head.at(seconds(9), after(milliseconds(2300))), seconds(4));
}

TEST(PlayHead, does_not_pass_what_was_not_shown) {
  const PlayHead head(1, std::nullopt, kStart);
  EXPECT_EQ(head.at(seconds(2), after(seconds(5))), seconds(2));
  EXPECT_EQ(head.wait(seconds(2), after(seconds(5))), Micros(0));
}

TEST(PlayHead, makes_up_for_being_late) {
  PlayHead head(1, std::nullopt, kStart);
  head.reach(seconds(2), after(seconds(3)));  // a second late
  EXPECT_EQ(head.wait(seconds(4), after(seconds(3))), seconds(1));
}

TEST(PlayHead, cuts_long_waits_short) {
  PlayHead head(2, seconds(1), kStart);
  EXPECT_EQ(head.wait(seconds(1), kStart), milliseconds(500));
  EXPECT_EQ(head.wait(seconds(100), kStart), seconds(1));
  head.reach(seconds(100), after(seconds(1)));
  EXPECT_EQ(head.at(seconds(101), after(seconds(1))), seconds(100));
  EXPECT_EQ(head.wait(seconds(101), after(seconds(1))), milliseconds(500));
}

TEST(PlayHead, stands_still_when_paused_and_goes_on_from_there) {
  PlayHead head(1, std::nullopt, kStart);
  head.pause(true, seconds(9), after(seconds(4)));
  EXPECT_EQ(head.at(seconds(9), after(seconds(60))), seconds(4));
  head.pause(false, seconds(9), after(seconds(60)));
  EXPECT_EQ(head.wait(seconds(9), after(seconds(60))), seconds(5));
}

TEST(PlayHead, steps_while_paused) {
  PlayHead head(1, std::nullopt, kStart);
  head.pause(true, seconds(9), after(seconds(4)));
  head.reach(seconds(9), after(seconds(5)));
  EXPECT_EQ(head.at(seconds(12), after(seconds(50))), seconds(9));
  head.pause(false, seconds(12), after(seconds(50)));
  EXPECT_EQ(head.wait(seconds(12), after(seconds(50))), seconds(3));
}

TEST(PlayHead, jumps_both_ways_but_not_before_the_start) {
  PlayHead head(1, std::nullopt, kStart);
  head.jump(seconds(50), after(seconds(1)));
  EXPECT_EQ(head.at(seconds(60), after(seconds(2))), seconds(51));
  head.jump(seconds(-5), after(seconds(2)));
  EXPECT_EQ(head.at(seconds(60), after(seconds(2))), Micros(0));
}

TEST(PlayHead, is_not_fooled_by_output_earlier_than_itself) {
  PlayHead head(1, std::nullopt, kStart);
  head.jump(seconds(10), kStart);
  EXPECT_EQ(head.wait(seconds(9), after(seconds(1))), Micros(0));
  EXPECT_EQ(head.at(seconds(9), after(seconds(1))), seconds(10));
}

}  // namespace
}  // namespace stele::cli
