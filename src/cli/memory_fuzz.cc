#include "base/check.h"
#include "base/fuzz.h"
#include "cli/memory.h"

STELE_FUZZ(reader_memory, input) {
  const std::string_view text = stele::as_text(input);
  if (const auto what = stele::cli::parse_memory(text)) CHECK(stele::cli::encode(*what) == text);
}
