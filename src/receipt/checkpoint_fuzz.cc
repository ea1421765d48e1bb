#include "base/check.h"
#include "base/fuzz.h"
#include "receipt/checkpoint.h"

STELE_FUZZ(checkpoint, input) {
  const auto checkpoint = stele::receipt::parse_checkpoint(stele::as_text(input));
  if (!checkpoint) return;
  const std::string text = encode(*checkpoint);
  CHECK(stele::as_text(input).starts_with(text));  // only extension lines may follow
  const auto again = stele::receipt::parse_checkpoint(text);
  CHECK(again && *again == *checkpoint);
}
