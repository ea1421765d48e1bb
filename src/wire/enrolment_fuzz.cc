#include "base/check.h"
#include "base/fuzz.h"
#include "wire/enrolment.h"

STELE_FUZZ(wire_enrolment, input) {
  const std::string_view text = stele::as_text(input);
  if (const auto request = stele::wire::parse_enrolment_request(text))
    CHECK(stele::wire::encode(*request) == text);
  if (const auto enrolment = stele::wire::parse_enrolment(text))
    CHECK(stele::wire::encode(*enrolment) == text);
  if (const auto request = stele::wire::parse_renewal_request(text))
    CHECK(stele::wire::encode(*request) == text);
  if (const auto renewal = stele::wire::parse_renewal(text))
    CHECK(stele::wire::encode(*renewal) == text);
}
