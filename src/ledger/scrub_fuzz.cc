#include "base/check.h"
#include "base/fuzz.h"
#include "ledger/scrub.h"

STELE_FUZZ(scrub_memory, input) {
  const auto text = stele::as_text(input);
  const auto memory = stele::ledger::parse_scrub_memory(text);
  if (memory) CHECK(encode(*memory) == text);
}
