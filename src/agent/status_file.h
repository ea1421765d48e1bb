// What an agent says of itself on its own host, for `stele status` (docs/formats/agent-state.md).
#pragma once

#include <string>

#include "base/clock.h"
#include "event/event.h"
#include "os/file_system.h"

namespace stele::agent {

struct Standing {
  WallTime at{};
  std::string host;           // ORIGIN/host/NAME
  std::string agent;          // "stele 0.1.0"
  std::string commands;       // who tells what is executed; empty: nobody does
  std::string missing;        // what is not seen for that, and why, as one line; empty: nothing
  event::HostSummary counts;  // without offset and root
  bool operator==(const Standing&) const = default;
};

/// In the run directory, in place of what was said before.
Status write_standing(os::FileSystem& files, const std::string& run, const Standing& standing);
/// kNotFound: no agent said anything since the boot. kCorrupt: not that.
Result<Standing> read_standing(os::FileSystem& files, const std::string& run);

}  // namespace stele::agent
