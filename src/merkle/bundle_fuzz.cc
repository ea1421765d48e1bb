#include "base/check.h"
#include "base/fuzz.h"
#include "merkle/bundle.h"

// The first byte is the width, less one.
STELE_FUZZ(entry_bundle, input) {
  if (input.empty()) return;
  const auto width = static_cast<uint16_t>(input[0] + 1);
  const auto entries = stele::merkle::parse_bundle(input.subspan(1), width);
  if (!entries) return;
  CHECK(entries->size() == width);
  stele::Bytes again;
  for (stele::ByteSpan entry : *entries) CHECK(stele::merkle::append_entry(again, entry));
  CHECK(stele::equal(again, input.subspan(1)));
}
