// The kernel's randomness.
#pragma once

#include "base/bytes.h"

namespace stele::os {

/// A RandomSource (base/random.h) over getrandom(2): waits until the kernel's pool is initialised.
/// If the kernel fails, says so and aborts: there is nothing safe to go on with.
void system_random(MutableByteSpan out);

}  // namespace stele::os
