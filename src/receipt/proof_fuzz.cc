#include "base/check.h"
#include "base/fuzz.h"
#include "receipt/proof.h"

STELE_FUZZ(tlog_proof, input) {
  const auto receipt = stele::receipt::parse_receipt(input);
  if (receipt) CHECK(encode(*receipt) == stele::as_text(input));
}
