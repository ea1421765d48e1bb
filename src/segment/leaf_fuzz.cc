#include "base/check.h"
#include "base/fuzz.h"
#include "segment/leaf.h"

namespace stele::segment {

STELE_FUZZ(leaf, input) {
  const auto leaf = parse_leaf(input);
  if (leaf) CHECK(equal(encode(*leaf), input));
}

}  // namespace stele::segment
