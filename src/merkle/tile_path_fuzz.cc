#include "base/check.h"
#include "base/fuzz.h"
#include "merkle/tile.h"

STELE_FUZZ(tile_path, input) {
  const auto tile = stele::merkle::parse_tile_path(stele::as_text(input));
  if (tile) CHECK(stele::merkle::path(*tile) == stele::as_text(input));
}
