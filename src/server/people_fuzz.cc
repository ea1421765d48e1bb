#include "base/check.h"
#include "base/fuzz.h"
#include "server/people.h"

STELE_FUZZ(person_file, input) {
  const std::string_view text = stele::as_text(input);
  if (const auto person = stele::server::parse_person(text))
    CHECK(stele::server::encode(*person) == text);
}
