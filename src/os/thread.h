// Threads that may not be had.
#pragma once

#include <functional>
#include <thread>

#include "base/result.h"

namespace stele::os {

/// kBusy: the machine gives this process no more threads now.
Result<std::thread> start_thread(std::function<void()> work);

}  // namespace stele::os
