#include "base/clock.h"

#include <cstdio>

namespace stele {

std::string rfc3339(WallTime t) {
  using namespace std::chrono;
  const auto day = floor<days>(t);
  const year_month_day date{day};
  const hh_mm_ss time{floor<Micros>(t - day)};
  char out[48];
  std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                static_cast<int>(time.subseconds().count()));
  return out;
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  constexpr auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() <= kShape.size() || text.back() != 'Z') return std::nullopt;
  for (size_t i = 0; i < kShape.size(); ++i)
    if (kShape[i] == 'd' ? !is_digit(text[i]) : text[i] != kShape[i]) return std::nullopt;
  const auto number = [&](size_t at, size_t digits) {
    unsigned value = 0;
    for (const char c : text.substr(at, digits))
      value = value * 10 + static_cast<unsigned>(c - '0');
    return value;
  };
  const year_month_day date{year(static_cast<int>(number(0, 4))), month(number(5, 2)),
                            day(number(8, 2))};
  const unsigned hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;

  std::string_view fraction = text.substr(kShape.size(), text.size() - kShape.size() - 1);
  int64_t micros = 0;
  if (!fraction.empty()) {
    if (fraction.size() < 2 || fraction.front() != '.') return std::nullopt;
    fraction.remove_prefix(1);
    for (const char c : fraction)
      if (!is_digit(c)) return std::nullopt;
    for (size_t i = 0; i < 6; ++i)
      micros = micros * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  }
  return WallTime(sys_days(date)) + hours(hour) + minutes(minute) + seconds(second) +
         Micros(micros);
}

}  // namespace stele
