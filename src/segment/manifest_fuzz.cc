#include "base/check.h"
#include "base/fuzz.h"
#include "segment/manifest.h"

namespace stele::segment {

STELE_FUZZ(manifest, input) {
  const auto manifest = parse_manifest(input);
  if (manifest) CHECK(equal(encode(*manifest), input));
}

}  // namespace stele::segment
