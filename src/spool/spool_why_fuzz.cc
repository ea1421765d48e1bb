#include "base/check.h"
#include "base/fuzz.h"
#include "spool/state.h"

namespace stele::spool {

STELE_FUZZ(spool_why, input) {
  const auto decision = parse_decision(as_text(input));
  if (decision) CHECK(to_text(*decision) == as_text(input));
}

}  // namespace stele::spool
