#include "agent/host_state.h"
#include "base/check.h"
#include "base/fuzz.h"

STELE_FUZZ(host_state, input) {
  if (const auto state = stele::agent::parse_host_state(stele::as_text(input)))
    CHECK(stele::agent::encode(*state) == stele::as_text(input));
  if (const auto next = stele::agent::parse_next_key(input))
    CHECK(stele::equal(stele::agent::encode(*next).span(), input));
}
