// GET /v1/keys: what a server says of the log it keeps (docs/formats/api.md). What a reader
// believes of it is the reader's.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace stele::wire {

struct LogKeys {
  std::string log_vkey, policy_vkey;  // a verifier key each, without newline
  Bytes recipients;                   // the signed list, as it is
  std::string host_vkeys;             // host.vkey, as it is
  bool operator==(const LogKeys&) const = default;
};

std::string encode(const LogKeys& keys);
/// kCorrupt: not that, or not its one spelling. What a key is made of is not looked at.
Result<LogKeys> parse_log_keys(std::string_view text);

}  // namespace stele::wire
