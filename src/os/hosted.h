// What code needs that another program has loaded: there main() is somebody else's, and so are the
// descriptors, signals and children.
#pragma once

#include <optional>

#include "os/process.h"

namespace stele::os {

/// How a child of that program's ended, by what wait(2) told it. The resources are those of all its
/// children so far.
Ended ended_by(int wait_status);

/// The master of a pseudo-terminal that this process has open; the lowest
/// descriptor if there are several.
std::optional<int> find_pty_master();

/// The calling thread handles no signal from now on: they are for that program's own threads.
void leave_signals_to_others();

}  // namespace stele::os
