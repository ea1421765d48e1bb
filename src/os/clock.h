// The machine's clocks.
#pragma once

#include "base/clock.h"

namespace stele::os {

/// CLOCK_REALTIME and CLOCK_BOOTTIME. Has no state: any thread may ask.
class SystemClock : public Clock {
 public:
  WallTime wall() override;
  BootTime boot() override;
};

}  // namespace stele::os
