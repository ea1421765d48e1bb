#include "spool/layout.h"

#include <charconv>
#include <cstdio>

namespace stele::spool {
namespace {

constexpr std::string_view kSpoolSuffix = ".spool", kWhySuffix = ".why";
constexpr size_t kStreamCharacters = 36;

std::optional<uint64_t> decimal(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string to_string(const FileName& name) {
  char out[64];
  std::snprintf(out, sizeof out, "%012llu-%012llu.spool",
                static_cast<unsigned long long>(name.number),
                static_cast<unsigned long long>(name.previous_end));
  return out;
}

std::optional<FileName> parse_file_name(std::string_view text) {
  const std::string_view whole = text;
  const size_t dash = text.find('-');
  if (!text.ends_with(kSpoolSuffix) || dash == std::string_view::npos) return std::nullopt;
  text.remove_suffix(kSpoolSuffix.size());
  if (dash >= text.size()) return std::nullopt;
  const auto number = decimal(text.substr(0, dash)), end = decimal(text.substr(dash + 1));
  if (!number || !end) return std::nullopt;
  const FileName name{*number, *end};
  if (to_string(name) != whole) return std::nullopt;
  return name;
}

std::string to_string(const AsideName& name) {
  char out[32];
  std::snprintf(out, sizeof out, name.attempt == 0 ? "-%010u" : "-%010u.%u", name.sequence,
                name.attempt);
  const bool why = name.what == AsideName::What::kWhy;
  return to_string(name.stream) + out + std::string(why ? kWhySuffix : kSpoolSuffix);
}

std::optional<AsideName> parse_aside_name(std::string_view text) {
  const std::string_view whole = text;
  if (text.size() <= kStreamCharacters) return std::nullopt;
  const auto stream = parse_stream_id(text.substr(0, kStreamCharacters));
  if (!stream || text[kStreamCharacters] != '-') return std::nullopt;
  text.remove_prefix(kStreamCharacters + 1);
  const bool why = text.ends_with(kWhySuffix);
  if (!why && !text.ends_with(kSpoolSuffix)) return std::nullopt;
  text.remove_suffix(why ? kWhySuffix.size() : kSpoolSuffix.size());
  const size_t dot = text.find('.');
  const auto sequence = decimal(text.substr(0, dot));
  const auto attempt = dot == std::string_view::npos ? 0 : decimal(text.substr(dot + 1));
  if (!sequence || *sequence > UINT32_MAX || !attempt || *attempt > UINT32_MAX ||
      (why && dot != std::string_view::npos)) {
    return std::nullopt;
  }
  AsideName name{*stream, static_cast<uint32_t>(*sequence),
                 why ? AsideName::What::kWhy : AsideName::What::kRecords,
                 static_cast<uint32_t>(*attempt)};
  if (to_string(name) != whole) return std::nullopt;
  return name;
}

}  // namespace stele::spool
