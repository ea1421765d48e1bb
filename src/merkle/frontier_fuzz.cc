#include "base/check.h"
#include "base/fuzz.h"
#include "merkle/frontier.h"

STELE_FUZZ(frontier, input) {
  const auto frontier = stele::merkle::Frontier::parse(input);
  if (frontier) CHECK(stele::equal(frontier->encode(), input));
}
