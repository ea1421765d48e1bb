// Hostile text: comes out as valid UTF-8, the same wherever it is cut, and cannot break out of a
// JSON string.
#include <algorithm>

#include "base/check.h"
#include "base/fuzz.h"
#include "codec/json.h"
#include "codec/utf8.h"

STELE_FUZZ(utf8_text, input) {
  using namespace stele;
  using namespace stele::codec;
  const std::string_view text = as_text(input);
  const std::string whole = to_utf8(text);
  CHECK(is_utf8(whole));
  CHECK(is_utf8(text) == (whole == text));

  const size_t step = input.empty() ? 1 : 1 + input[0] % 7;
  Utf8Decoder decoder;
  std::string pieces;
  for (size_t i = 0; i < input.size(); i += step) {
    decoder.decode(input.subspan(i, std::min(step, input.size() - i)), pieces);
    CHECK(is_utf8(pieces));
  }
  decoder.finish(pieces);
  CHECK(pieces == whole);

  std::string json;
  JsonWriter(json).text(text);
  CHECK(is_utf8(json) && json.size() >= 2 && json.front() == '"' && json.back() == '"');
  bool is_escaped = false;
  for (size_t i = 1; i + 1 < json.size(); ++i) {
    CHECK(static_cast<uint8_t>(json[i]) >= 0x20 && json[i] != '\x7f');
    CHECK(is_escaped || json[i] != '"');
    is_escaped = !is_escaped && json[i] == '\\';
  }
  CHECK(!is_escaped);
}
