// The process's supervisor: systemd, by its protocols (sd_notify(3), sd-daemon(3)), or a person at
// a terminal.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace stele::os {

/// As syslog(3) counts them.
enum class Severity { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6 };

/// One line to standard error: with its severity where that is the journal, else without. Line ends
/// and other control characters become blanks, so that nobody's text makes lines of its own.
void tell_journal(Severity severity, std::string_view text);

/// "READY=1", "STOPPING=1", "WATCHDOG=1". Nobody asked to be told (NOTIFY_SOCKET): success.
Status notify_supervisor(std::string_view state);

/// How often the supervisor wants to hear WATCHDOG=1, at least; nullopt: not at all.
std::optional<std::chrono::microseconds> watchdog_interval();

}  // namespace stele::os
