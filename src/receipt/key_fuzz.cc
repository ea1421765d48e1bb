#include "base/check.h"
#include "base/fuzz.h"
#include "receipt/key.h"

STELE_FUZZ(verifier_key, input) {
  const auto key = stele::receipt::VerifierKey::parse(stele::as_text(input));
  if (key) CHECK(key->to_string() == stele::as_text(input));
}
