// What both loops make of a command: how it is started, and what is said of its end.
#pragma once

#include "capture/capture.h"
#include "os/process.h"

namespace stele::capture {

/// The command, with its session's id in its environment.
os::Command command_of(const Options& options);
/// There is no such command, or it cannot be run: how that session ends, and End::why.
std::string could_not_run(const Error& error, os::Ended& ended);
/// All but the totals. `hangup_signal`: that ended the session, or 0.
Outcome outcome_of(const os::Ended& ended, std::string why, int hangup_signal);

}  // namespace stele::capture
