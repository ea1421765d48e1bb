// Tells the agent of a login, within a bounded time (docs/formats/wire-session.md, "arrived").
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/clock.h"

namespace stele::pam {

inline constexpr const char* kAgentSocket = "/run/stele/agent.sock";

/// What a line of PAM's configuration says behind the module's name.
struct Options {
  std::string socket = kAgentSocket;
  Micros wait = std::chrono::seconds(5);  // 1 to 60 seconds
};
/// kInvalid: none of `socket=PATH` (absolute) and `wait=SECONDS`.
Result<Options> parse_options(int count, const char* const* words);

/// Sends one message, and hears that the agent noted it. An agent that is not there, or that says
/// "not now", is asked again until the time is over. kPermission: refused for good; other codes:
/// not noted, and why.
Status tell(const Options& options, ByteSpan message, Clock& clock);

}  // namespace stele::pam
