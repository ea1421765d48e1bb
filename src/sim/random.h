// Randomness that a test can repeat.
#pragma once

#include "base/random.h"

namespace stele::sim {

/// The same bytes for the same seed, on every machine. Copies of the source draw from one sequence,
/// so that no two of them give the same nonce. One thread at a time.
RandomSource random(uint64_t seed);

}  // namespace stele::sim
