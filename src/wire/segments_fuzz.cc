#include "base/check.h"
#include "base/fuzz.h"
#include "wire/segments.h"

STELE_FUZZ(wire_segments, input) {
  if (const auto segments = stele::wire::parse_segments(input)) {
    stele::Bytes again;
    for (const stele::ByteSpan segment : *segments) stele::wire::add_segment(again, segment);
    CHECK(stele::equal(again, input));
  }
  for (size_t count = 0; count < 4; ++count) {
    if (const auto answers = stele::wire::parse_answers(input, count))
      CHECK(stele::equal(stele::wire::encode(*answers), input));
  }
}
