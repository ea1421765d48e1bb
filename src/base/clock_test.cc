#include "base/clock.h"

#include <gtest/gtest.h>

namespace stele {
namespace {

TEST(Clock, what_is_written_is_read) {
  for (const int64_t at :
       {int64_t{0}, int64_t{1'440'938'160'000'007}, int64_t{4'102'444'799'999'999}})
    EXPECT_EQ(parse_rfc3339(rfc3339(WallTime(Micros(at)))), WallTime(Micros(at)));
}

TEST(Clock, decimals_are_any_number) {
  const WallTime second = *parse_rfc3339("2015-08-30T12:36:00Z");
  EXPECT_EQ(second, WallTime(std::chrono::seconds(1'440'938'160)));
  EXPECT_EQ(parse_rfc3339("2015-08-30T12:36:00.5Z"), second + Micros(500'000));
  EXPECT_EQ(parse_rfc3339("2015-08-30T12:36:00.000000999Z"), second);
}

TEST(Clock, anything_else_is_none) {
  for (const char* text :
       {"", "Z", "2015-08-30", "2015-08-30T12:36:00", "2015-08-30t12:36:00Z",
        "2015-08-30T12:36:00z", "2015-08-30T12:36:00+00:00", "2015-08-30T12:36:00.Z",
        "2015-08-30T12:36:00,5Z", "2015-02-29T12:36:00Z", "2015-13-01T12:36:00Z",
        "2015-08-30T24:00:00Z", "2015-08-30T12:36:60Z", " 2015-08-30T12:36:00Z",
        "2015-08-30T12:36:00Z "})
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
}

}  // namespace
}  // namespace stele
