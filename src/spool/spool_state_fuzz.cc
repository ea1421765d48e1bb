#include "base/check.h"
#include "base/fuzz.h"
#include "spool/state.h"

namespace stele::spool {

STELE_FUZZ(spool_state, input) {
  const auto state = parse_state(input);
  if (state) CHECK(equal(encode(*state), input));
}

}  // namespace stele::spool
