#include "base/check.h"
#include "base/fuzz.h"
#include "wire/latch.h"

STELE_FUZZ(wire_latch, input) {
  if (const auto request = stele::wire::parse_latch_request(input))
    CHECK(stele::equal(stele::wire::encode(*request), input));
  if (const auto answer = stele::wire::parse_latch_answer(input))
    CHECK(stele::equal(stele::wire::encode(*answer), input));
}
