#include "sim/random.h"

#include <memory>
#include <random>

namespace stele::sim {

RandomSource random(uint64_t seed) {
  return [engine = std::make_shared<std::mt19937_64>(seed)](MutableByteSpan out) {
    for (uint8_t& byte : out) byte = static_cast<uint8_t>((*engine)() >> 56);
  };
}

}  // namespace stele::sim
