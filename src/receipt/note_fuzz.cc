#include "base/check.h"
#include "base/fuzz.h"
#include "receipt/note.h"

STELE_FUZZ(signed_note, input) {
  const auto note = stele::receipt::parse_note(input);
  if (!note) return;
  CHECK(note->text.ends_with('\n'));
  CHECK(!note->signatures.empty() && note->signatures.size() <= stele::receipt::kSignaturesMax);
  CHECK(stele::receipt::encode(*note) == stele::as_text(input));
}
