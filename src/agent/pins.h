// Where the programs in the kernel stay while an agent is started again (decision 13).
#pragma once

#include "agent/config.h"
#include "commands/pins.h"

namespace stele::agent {

/// A folder of the agent's directory and of these very programs, where they may be pinned. An
/// error: they go when the agent goes.
Result<commands::Pins> open_pins(const Config& config);

}  // namespace stele::agent
