#include "base/check.h"
#include "base/fuzz.h"
#include "spool/record.h"

namespace stele::spool {

STELE_FUZZ(spool_record, input) {
  const auto front = parse_front(input);
  if (front) CHECK(equal(encode(*front, input.subspan(kFrontBytes)), input.first(kFrontBytes)));
}

}  // namespace stele::spool
