#include "base/check.h"
#include "base/fuzz.h"
#include "wire/hold.h"

STELE_FUZZ(wire_hold, input) {
  const std::string_view text = stele::as_text(input);
  if (const auto hold = stele::wire::parse_hold(text)) {
    CHECK(stele::wire::encode(*hold) == text);
    CHECK(stele::wire::parse_holds(text)->front() == *hold);
  }
  if (const auto request = stele::wire::parse_hold_request(text))
    CHECK(stele::wire::encode(*request) == text);
}
