// For tests and benchmarks only: bytes that look random and are the same in every run.
#pragma once

#include <algorithm>

#include "base/random.h"
#include "crypto/sha256.h"

namespace stele::crypto {

/// SHA-256 of a seed and a counter, 32 bytes a call, one call after the other.
inline RandomSource test_random(uint8_t seed) {
  return [seed, counter = uint32_t{0}](MutableByteSpan out) mutable {
    for (size_t at = 0; at < out.size(); at += 32) {
      Bytes block = {seed};
      ByteWriter(block).u32(counter++);
      const Hash hash = sha256(block);
      std::copy_n(hash.begin(), std::min<size_t>(32, out.size() - at),
                  out.begin() + static_cast<ptrdiff_t>(at));
    }
  };
}

}  // namespace stele::crypto
