#include "cli/time_text.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <string>

namespace stele::cli {
namespace {

constexpr double kOffsetSecondsMax = 366.0 * 24 * 3600;

// Takes a text apart from its front; once something is missing, ok() is false.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  void literal(std::string_view any_of) {
    ok_ = ok_ && !rest_.empty() && any_of.find(rest_.front()) != std::string_view::npos;
    skip();
  }
  /// Exactly so many digits, for a value of at most `max`.
  int number(size_t digits, int max) {
    int value = 0;
    for (size_t i = 0; i < digits; ++i) value = value * 10 + digit();
    ok_ = ok_ && value <= max;
    return ok_ ? value : 0;
  }
  /// Digits after a point, as µs; what is finer is cut off.
  Micros fraction() {
    Micros value{0}, unit{100'000};
    ok_ = ok_ && is_digit(peek());
    for (; is_digit(peek()); unit /= 10) value += digit() * unit;
    return value;
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  int digit() {
    ok_ = ok_ && is_digit(peek());
    const int value = ok_ ? peek() - '0' : 0;
    skip();
    return value;
  }
  void skip() {
    if (!rest_.empty()) rest_.remove_prefix(1);
  }

  std::string_view rest_;
  bool ok_ = true;
};

Micros time_of_day(Cursor& in) {
  using namespace std::chrono;
  Micros time = hours(in.number(2, 23));
  in.literal(":");
  time += minutes(in.number(2, 59));
  if (in.peek() != ':') return time;
  in.literal(":");
  time += seconds(in.number(2, 60));
  if (in.peek() != '.') return time;
  in.literal(".");
  return time + in.fraction();
}

// How far the zone's clocks are ahead of UTC.
Micros zone(Cursor& in) {
  using namespace std::chrono;
  if (in.at_end()) return Micros(0);
  const char sign = in.peek();
  in.literal("Zz+-");
  if (sign == 'Z' || sign == 'z') return Micros(0);
  Micros ahead = hours(in.number(2, 23));
  in.literal(":");
  ahead += minutes(in.number(2, 59));
  return sign == '-' ? -ahead : ahead;
}

}  // namespace

Result<WallTime> parse_wall_time(std::string_view text) {
  using namespace std::chrono;
  Cursor in(text);
  const year y(in.number(4, 9999));
  in.literal("-");
  const month m(static_cast<unsigned>(in.number(2, 12)));
  in.literal("-");
  const year_month_day date(y, m, day(static_cast<unsigned>(in.number(2, 31))));
  Micros rest{0};
  if (!in.at_end()) {
    in.literal("Tt ");
    rest = time_of_day(in);
    rest -= zone(in);
  }
  if (!in.ok() || !in.at_end() || !date.ok()) {
    return fail(Code::kInvalid, "\"" + std::string(text) +
                                    "\" is no time; write 2026-11-23 or 2026-11-23T10:00 (UTC)");
  }
  return WallTime(sys_days(date)) + rest;
}

std::optional<Micros> parse_offset(std::string_view text) {
  double seconds = 0;
  for (int parts = 0;; ++parts) {
    const size_t colon = text.find(':');
    const std::string_view word = text.substr(0, colon);
    double part = 0;
    const auto [end, error] =
        std::from_chars(word.data(), word.data() + word.size(), part, std::chars_format::fixed);
    const bool is_number = error == std::errc() && end == word.data() + word.size();
    if (!is_number || !(part >= 0) || parts > 2) return std::nullopt;
    seconds = seconds * 60 + part;
    if (seconds > kOffsetSecondsMax) return std::nullopt;
    if (colon == std::string_view::npos) break;
    text = text.substr(colon + 1);
  }
  return Micros(std::llround(seconds * 1e6));
}

std::string offset_text(Micros offset) {
  const auto s = std::chrono::floor<std::chrono::seconds>(offset).count();
  char out[48];
  if (s < 3600) {
    std::snprintf(out, sizeof out, "%lld:%02lld", static_cast<long long>(s / 60),
                  static_cast<long long>(s % 60));
  } else {
    std::snprintf(out, sizeof out, "%lld:%02lld:%02lld", static_cast<long long>(s / 3600),
                  static_cast<long long>(s / 60 % 60), static_cast<long long>(s % 60));
  }
  return out;
}

}  // namespace stele::cli
