#include "cli/time_text.h"

#include <gtest/gtest.h>

namespace stele::cli {
namespace {

std::string utc(std::string_view text) {
  const auto time = parse_wall_time(text);
  return time ? rfc3339(*time) : "none";
}

TEST(WallTime, is_a_date_or_a_date_and_a_time_of_day) {
  EXPECT_EQ(utc("2026-11-23"), "2026-11-23T00:00:00.000000Z");
  EXPECT_EQ(utc("2026-11-23T10:00"), "2026-11-23T10:00:00.000000Z");
  EXPECT_EQ(utc("2026-11-23 10:00:59"), "2026-11-23T10:00:59.000000Z");
  EXPECT_EQ(utc("2026-11-23T10:00:00.5"), "2026-11-23T10:00:00.500000Z");
  EXPECT_EQ(utc("2026-11-23T10:00:00.1234567Z"), "2026-11-23T10:00:00.123456Z");
}

TEST(WallTime, reads_what_the_lists_print) {
  EXPECT_EQ(utc("2026-11-23T13:13:16.250687Z"), "2026-11-23T13:13:16.250687Z");
}

TEST(WallTime, may_be_of_another_zone) {
  EXPECT_EQ(utc("2026-11-23T00:30+01:00"), "2026-11-22T23:30:00.000000Z");
  EXPECT_EQ(utc("2026-11-23T20:00:00-05:30"), "2026-11-24T01:30:00.000000Z");
}

TEST(WallTime, is_nothing_else) {
  for (const char* text :
       {"", "yesterday", "2026", "2026-11", "2026-13-01", "2026-02-30", "2026-11-00", "2026-11-23T",
        "2026-11-23T10", "2026-11-23T24:00", "2026-11-23T10:60", "2026-11-23T10:00:00.",
        "2026-11-23T10:00x", "2026-11-23Z10:00", "2026-11-23T10:00:00+1", "26-11-23", "+026-11-23",
        "2026-11-23T10:00:00ZZ"}) {
    EXPECT_EQ(utc(text), "none") << text;
  }
}

TEST(WallTime, cut_anywhere_is_never_misread) {
  const std::string_view whole = "2026-11-23T13:13:16.250687+01:00";
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto time = parse_wall_time(whole.substr(0, size));
    EXPECT_LE(time.value_or(WallTime()), *parse_wall_time("2026-11-23T13:13:16.250687Z"))
        << whole.substr(0, size);
  }
}

TEST(Offset, counts_seconds_minutes_and_hours) {
  EXPECT_EQ(parse_offset("90"), Micros(90'000'000));
  EXPECT_EQ(parse_offset("1:30"), Micros(90'000'000));
  EXPECT_EQ(parse_offset("0:01:30.5"), Micros(90'500'000));
  EXPECT_EQ(parse_offset("0"), Micros(0));
}

TEST(Offset, is_nothing_else) {
  for (const char* text : {"", ":", "1:", ":1", "-1", "1:-1", "x", "1x", "nan", "inf", "1e3",
                           "1:2:3:4", "99999999999", "0x10"}) {
    EXPECT_EQ(parse_offset(text), std::nullopt) << text;
  }
}

TEST(Offset, is_told_as_a_clock) {
  EXPECT_EQ(offset_text(Micros(0)), "0:00");
  EXPECT_EQ(offset_text(Micros(90'999'999)), "1:30");
  EXPECT_EQ(offset_text(std::chrono::hours(2) + std::chrono::seconds(309)), "2:05:09");
}

}  // namespace
}  // namespace stele::cli
