// What a host's agent keeps of its own stream and its keys across restarts
// (docs/formats/host-stream.md, "On the host").
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/uuid.h"
#include "ledger/keys.h"

namespace stele::agent {

/// host.state
struct HostState {
  StreamId stream{};      // the host stream written last; all zero: none yet
  uint32_t epoch = 1;     // of the key in host.key
  uint64_t sessions = 0;  // session numbers up to this one may have been given out
  WallTime not_before;    // of that key
  bool operator==(const HostState&) const = default;
};
std::string encode(const HostState& state);
Result<HostState> parse_host_state(std::string_view text);

/// host.next: a key that is to be the host's, once its rotation is in the spool.
struct NextKey {
  uint32_t epoch = 2;
  WallTime not_before;
  ledger::PrivateKey key;
};
crypto::SecretBytes encode(const NextKey& next);
Result<NextKey> parse_next_key(ByteSpan text);

}  // namespace stele::agent
