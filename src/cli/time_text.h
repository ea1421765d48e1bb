// Times as people type them.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace stele::cli {

/// A date, or a date and a time of day (RFC 3339, from which seconds, their fraction and the zone
/// may be left out, and with a blank for the T): 2026-11-23, 2026-11-23T10:00,
/// 2026-11-23T10:00:00.5+01:00. Without a zone it is UTC. kInvalid: anything else.
Result<WallTime> parse_wall_time(std::string_view text);

/// A time from a session's start, as seconds, minutes and seconds, or hours too: 90, 1:30,
/// 0:01:30.5. Nothing where it is none, or longer than a year.
std::optional<Micros> parse_offset(std::string_view text);

/// "1:30", "2:05:09"
std::string offset_text(Micros offset);

}  // namespace stele::cli
