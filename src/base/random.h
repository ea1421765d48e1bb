// Where randomness comes from: always an argument, so that sealing is a function of its inputs.
#pragma once

#include <functional>

#include "base/bytes.h"

namespace stele {

/// Fills the span with bytes an attacker cannot predict. os/random.h has the real one.
using RandomSource = std::function<void(MutableByteSpan)>;

}  // namespace stele
