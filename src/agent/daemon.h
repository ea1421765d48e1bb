// The agent: one for each host. Takes in what recorders say, seals it into the spool, ships it, and
// watches the log.
#pragma once

#include <string>

#include "base/result.h"

namespace stele::agent {

/// Serves until SIGTERM or SIGINT, or until the spool can not be used any more (then an error: the
/// next process looks at the disk anew).
Status run_agent(const std::string& config_path);

}  // namespace stele::agent
