#include "base/check.h"
#include "base/fuzz.h"
#include "server/posture.h"

STELE_FUZZ(server_posture, input) {
  const std::string_view text = stele::as_text(input);
  if (const auto lines = stele::server::parse_posture(text))
    CHECK(stele::server::encode_posture(*lines) == text);
}
