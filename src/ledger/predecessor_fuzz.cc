#include "base/check.h"
#include "base/fuzz.h"
#include "ledger/predecessor.h"

STELE_FUZZ(predecessor, input) {
  const std::string_view text = stele::as_text(input);
  if (const auto predecessor = stele::ledger::parse_predecessor(text))
    CHECK(stele::ledger::encode(*predecessor) == text);
}
