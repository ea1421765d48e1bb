// Durations and sizes as people write them.
#include <charconv>

#include "config/toml.h"

namespace stele::config {
namespace {

/// The number in front, without sign or leading zeros, and what follows it.
std::optional<uint64_t> take_number(std::string_view& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool has_leading_zero = text.size() > 1 && text[0] == '0' && end != text.data() + 1;
  if (error != std::errc() || has_leading_zero) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

std::optional<uint64_t> times(uint64_t value, uint64_t factor, uint64_t max) {
  if (value > max / factor) return std::nullopt;
  return value * factor;
}

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  constexpr uint64_t kSecondsMax = uint64_t{100} * 366 * 86400;
  const auto value = take_number(text);
  if (!value || text.size() != 1) return std::nullopt;
  const uint64_t unit = text == "s"   ? 1
                        : text == "m" ? 60
                        : text == "h" ? 3600
                        : text == "d" ? 86400
                                      : 0;
  if (unit == 0) return std::nullopt;
  const auto seconds = times(*value, unit, kSecondsMax);
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

std::optional<uint64_t> parse_size(std::string_view text) {
  const auto value = take_number(text);
  if (!value) return std::nullopt;
  constexpr std::string_view kUnits[] = {"", "KiB", "MiB", "GiB", "TiB"};
  uint64_t factor = 1;
  for (std::string_view unit : kUnits) {
    if (text == unit) return times(*value, factor, INT64_MAX);
    factor <<= 10;
  }
  return std::nullopt;
}

}  // namespace stele::config
