#include "base/check.h"
#include "base/fuzz.h"
#include "spool/layout.h"

namespace stele::spool {

STELE_FUZZ(spool_name, input) {
  if (const auto name = parse_file_name(as_text(input))) CHECK(to_string(*name) == as_text(input));
  if (const auto name = parse_aside_name(as_text(input))) CHECK(to_string(*name) == as_text(input));
}

}  // namespace stele::spool
