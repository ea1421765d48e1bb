// Two clocks, two types: wall time (what a person means) and boot time (what never steps). Both in
// µs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stele {

using Micros = std::chrono::microseconds;

/// µs since 1970-01-01T00:00:00Z (CLOCK_REALTIME).
using WallTime = std::chrono::sys_time<Micros>;

/// µs since boot, suspended time included (CLOCK_BOOTTIME). Comparable only within one boot.
struct BootClock {
  using rep = int64_t;
  using period = std::micro;
  using duration = Micros;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};
using BootTime = BootClock::time_point;

/// Where a component gets its time from; the simulator has its own.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() = 0;
  virtual BootTime boot() = 0;
};

inline int64_t micros(WallTime t) { return t.time_since_epoch().count(); }
inline int64_t micros(BootTime t) { return t.time_since_epoch().count(); }

/// "2026-11-23T10:03:21.123456Z"
std::string rfc3339(WallTime t);
/// The same, with any number of decimals, or none; those beyond µs are dropped. Nothing else is
/// taken: no other zone, no lower-case letter.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace stele
