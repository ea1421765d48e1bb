#include "base/check.h"
#include "base/fuzz.h"
#include "server/registry.h"

STELE_FUZZ(host_file, input) {
  const std::string_view text = stele::as_text(input);
  if (const auto host = stele::server::parse_host(text))
    CHECK(stele::server::encode(*host) == text);
}
