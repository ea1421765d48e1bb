// The recorder's command line.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "event/event.h"

namespace stele::recorder {

inline constexpr const char* kAgentSocket = "/run/stele/agent.sock";
inline constexpr const char* kUsage =
    "stele-recorder [--title TEXT] [--input all|redact|none] [--break-glass REASON] [--socket "
    "PATH] [--] "
    "[COMMAND …]";

struct Options {
  std::string title;
  event::InputPolicy input_policy = event::InputPolicy::kAll;  // a wish: it only tightens
  std::string break_glass;                                     // why; empty: not asked for
  std::string socket = kAgentSocket;
  std::vector<std::string> command;  // none: the login shell
};

/// kInvalid: not that; kPermission: `--socket` where it is not for the user to say (`is_trusted`:
/// this program has rights that its user has not).
Result<Options> parse_options(const std::vector<std::string>& arguments, bool is_trusted);

}  // namespace stele::recorder
