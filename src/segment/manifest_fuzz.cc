#include "segment/manifest.h"

#include "base/check.h"
#include "base/fuzz.h"

namespace stele::segment {

STELE_FUZZ(manifest, input) {
  const auto manifest = parse_manifest(input);
  if (manifest) CHECK(equal(encode(*manifest), input));
}

}  // namespace stele::segment
