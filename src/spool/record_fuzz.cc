#include "base/check.h"
#include "base/fuzz.h"
#include "spool/layout.h"
#include "spool/record.h"
#include "spool/state.h"

namespace stele::spool {

STELE_FUZZ(spool_record, input) {
  const auto front = parse_front(input);
  if (front) CHECK(equal(encode(*front, input.subspan(kFrontBytes)), input.first(kFrontBytes)));
}

STELE_FUZZ(spool_state, input) {
  const auto state = parse_state(input);
  if (state) CHECK(equal(encode(*state), input));
}

STELE_FUZZ(spool_why, input) {
  const auto decision = parse_decision(as_text(input));
  if (decision) CHECK(to_text(*decision) == as_text(input));
}

STELE_FUZZ(spool_names, input) {
  if (const auto name = parse_file_name(as_text(input))) CHECK(to_string(*name) == as_text(input));
  if (const auto name = parse_aside_name(as_text(input))) CHECK(to_string(*name) == as_text(input));
}

}  // namespace stele::spool
