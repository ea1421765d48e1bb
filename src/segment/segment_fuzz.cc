#include "base/check.h"
#include "base/fuzz.h"
#include "segment/header.h"

namespace stele::segment {

STELE_FUZZ(segment, input) {
  const auto view = parse_segment(input);
  if (!view) return;
  Bytes header;
  encode(view->header, header);
  CHECK(equal(header, view->header_bytes));
  CHECK(view->header.segment_bytes() == input.size());
}

}  // namespace stele::segment
