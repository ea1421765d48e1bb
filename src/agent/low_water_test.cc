#include "agent/low_water.h"

#include <gtest/gtest.h>

namespace stele::agent {
namespace {

TEST(LowWater, is_told_at_each_mark_once_until_it_recovers) {
  LowWater water({.bytes_max = 1000, .low_water_bytes = 100});
  const auto told = [&](uint64_t left) { return water.look(left).has_value(); };
  EXPECT_FALSE(told(1000) || told(500));
  EXPECT_TRUE(told(499)) << "early";
  EXPECT_FALSE(told(480) || told(510) || told(499)) << "wavering is no news";
  EXPECT_TRUE(told(99)) << "and late";
  EXPECT_FALSE(told(50) || told(105) || told(0));
  EXPECT_FALSE(told(200));
  EXPECT_TRUE(told(99)) << "it had recovered from the second";
  EXPECT_FALSE(told(600));
  EXPECT_TRUE(told(10)) << "both at once";
  EXPECT_FALSE(told(10));
}

TEST(LowWater, says_how_much_is_left) {
  LowWater water({.bytes_max = 1000, .low_water_bytes = 100});
  EXPECT_NE(water.look(321)->find("321 bytes"), std::string::npos);
}

}  // namespace
}  // namespace stele::agent
