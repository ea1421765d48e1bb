#include "base/check.h"
#include "base/fuzz.h"
#include "wire/keys.h"

STELE_FUZZ(wire_keys, input) {
  const std::string_view text = stele::as_text(input);
  if (const auto keys = stele::wire::parse_log_keys(text))
    CHECK(stele::wire::encode(*keys) == text);
}
