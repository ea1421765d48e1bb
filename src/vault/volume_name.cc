#include "vault/volume_name.h"

#include <charconv>
#include <cstdio>

namespace stele::vault {
namespace {

constexpr std::string_view kSuffix = ".vol";
constexpr size_t kIndexDigits = 12;

std::optional<uint64_t> decimal(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

std::string to_string(const VolumeName& name) {
  char out[48];
  if (name.attempt == 0) {
    std::snprintf(out, sizeof out, "%012llu.vol",
                  static_cast<unsigned long long>(name.first_index));
  } else {
    std::snprintf(out, sizeof out, "%012llu.%u.vol",
                  static_cast<unsigned long long>(name.first_index), name.attempt);
  }
  return out;
}

std::optional<VolumeName> parse_volume_name(std::string_view text) {
  const std::string_view whole = text;
  if (!text.ends_with(kSuffix)) return std::nullopt;
  text.remove_suffix(kSuffix.size());
  VolumeName name;
  if (const size_t dot = text.find('.'); dot != std::string_view::npos) {
    const auto attempt = decimal(text.substr(dot + 1));
    if (!attempt || *attempt > 1'000'000) return std::nullopt;
    name.attempt = static_cast<uint32_t>(*attempt);
    text = text.substr(0, dot);
  }
  const auto first = decimal(text);
  if (!first || text.size() < kIndexDigits) return std::nullopt;
  name.first_index = *first;
  if (to_string(name) != whole) return std::nullopt;
  return name;
}

}  // namespace stele::vault
