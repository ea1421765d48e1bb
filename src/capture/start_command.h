// What both loops make of a command: how it is started, and what is said of its end.
#pragma once

#include <optional>
#include <string>

#include "capture/capture.h"
#include "os/process.h"
#include "os/signals.h"

namespace stele::capture {

/// The command, with its session's id in its environment.
os::Command command_of(const Options& options);
/// There is no such command, or it cannot be run: how that session ends, and End::why.
std::string could_not_run(const Error& error, os::Ended& ended);
/// How a command ended; nothing: it runs. One that is not ours to wait for has ended somehow.
std::optional<os::Ended> end_of(pid_t child);
/// The same after a hang-up, for which it has kHangupMax. child -1: there was none.
std::optional<os::Ended> wait_for_end(pid_t child, Clock& clock, os::SignalWatch& signals);
/// All but the totals. `hangup_signal`: that ended the session, or 0.
Outcome outcome_of(const os::Ended& ended, std::string why, int hangup_signal);

}  // namespace stele::capture
