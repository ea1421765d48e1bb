#include "wire/keys.h"

#include "base/hex.h"

namespace stele::wire {
namespace {

constexpr std::string_view kMagic = "stele-keys-v1";

Result<std::string_view> take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == text.npos) return fail(Code::kCorrupt, "a log's keys: a line is missing");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string encode(const LogKeys& keys) {
  std::string text(kMagic);
  text.append("\n").append(keys.log_vkey).append("\n").append(keys.policy_vkey).append("\n");
  return text.append(to_base64(keys.recipients)).append("\n").append(keys.host_vkeys);
}

Result<LogKeys> parse_log_keys(std::string_view text) {
  TRY(const std::string_view magic, take_line(text));
  if (magic != kMagic) return fail(Code::kCorrupt, "a log's keys: not stele-keys-v1");
  LogKeys keys;
  TRY(keys.log_vkey, take_line(text));
  TRY(keys.policy_vkey, take_line(text));
  TRY(const std::string_view list, take_line(text));
  TRY(keys.recipients, from_base64(list));
  keys.host_vkeys = text;
  return keys;
}

}  // namespace stele::wire
