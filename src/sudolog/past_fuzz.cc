#include "base/check.h"
#include "base/fuzz.h"
#include "sudolog/past.h"

// What is written anew is the same Past.
STELE_FUZZ(sudolog_past, input) {
  const auto past = stele::sudolog::parse_past(input);
  if (!past) return;
  const auto again = stele::sudolog::parse_past(past->encode());
  CHECK(again && *again == *past);
}
