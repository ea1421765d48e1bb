// Hostile configuration: it is refused in one line, or every getter gives a value in its range.
#include "base/check.h"
#include "base/fuzz.h"
#include "config/toml.h"

STELE_FUZZ(toml, input) {
  using namespace stele;
  using namespace stele::config;
  auto document = Document::parse(as_text(input), "f");
  if (!document) {
    const std::string& said = document.error().context;
    CHECK(said.starts_with("f:") && said.find('\n') == std::string::npos);
    return;
  }
  for (const std::string key : {"a", "b", "t.a", "t.u.b"}) {
    (void)document->text(key, "x");
    (void)document->list(key, std::vector<std::string>());
    (void)document->names(key);
    if (const auto n = document->integer(key, 5, {1, 9})) CHECK(*n >= 1 && *n <= 9);
    if (const auto size = document->size(key, 5, {1, 1 << 20})) CHECK(*size <= 1 << 20);
    using std::chrono::seconds;
    if (const auto d = document->duration(key, seconds(5), {seconds(1), seconds(3600)})) {
      CHECK(*d <= seconds(3600));
    }
  }
  if (const auto done = document->finish(); !done) {
    CHECK(done.error().context.find('\n') == std::string::npos);
  }
}
