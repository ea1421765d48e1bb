// A clock that moves only by hand.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace stele::sim {

/// Begins at 2026-01-01T00:00:00Z, one hour after boot. Any thread may read it or move it.
class Clock : public stele::Clock {
 public:
  WallTime wall() override { return WallTime(Micros(wall_.load())); }
  BootTime boot() override { return BootTime(Micros(boot_.load())); }

  /// Time passes, on both clocks.
  void advance(Micros by) {
    wall_ += by.count();
    boot_ += by.count();
  }
  /// Somebody sets the wall clock; boot time does not notice.
  void set_wall(WallTime to) { wall_ = micros(to); }
  /// The machine starts anew: boot time begins at zero, wall time goes on.
  void reboot() { boot_ = 0; }

 private:
  std::atomic<int64_t> wall_ =
      micros(WallTime(std::chrono::sys_days(std::chrono::January / 1 / 2026)));
  std::atomic<int64_t> boot_ = Micros(std::chrono::hours(1)).count();
};

}  // namespace stele::sim
