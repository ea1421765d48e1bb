#include "os/clock.h"

#include <ctime>

#include "base/check.h"

namespace stele::os {
namespace {

Micros read_clock(clockid_t id) {
  timespec time{};
  CHECK(::clock_gettime(id, &time) == 0);
  return std::chrono::duration_cast<Micros>(std::chrono::seconds(time.tv_sec) +
                                            std::chrono::nanoseconds(time.tv_nsec));
}

}  // namespace

WallTime SystemClock::wall() { return WallTime(read_clock(CLOCK_REALTIME)); }
BootTime SystemClock::boot() { return BootTime(read_clock(CLOCK_BOOTTIME)); }

}  // namespace stele::os
