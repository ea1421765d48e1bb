// Whatever is typed and shown: lines are bounded UTF-8 without control characters, and no text that
// was typed hidden and never shown is in one.
#include "base/check.h"
#include "base/fuzz.h"
#include "capture/line_reader.h"
#include "codec/utf8.h"

namespace stele::capture {
namespace {

constexpr uint8_t kHidden = 'H';  // typed in hidden lines only, and never shown

Bytes without_hidden(ByteSpan bytes) {
  Bytes out(bytes.begin(), bytes.end());
  std::erase(out, kHidden);
  return out;
}

void check(const event::Line& line) {
  CHECK(!line.text.empty() && line.text.size() <= event::kLineBytesMax);
  CHECK(line.prompt.size() <= event::kLinePromptBytesMax);
  for (const std::string& text : {line.text, line.prompt}) {
    CHECK(codec::is_utf8(text));
    CHECK(text.find(static_cast<char>(kHidden)) == text.npos);
    CHECK(text.find('\x1b') == text.npos && text.find('\r') == text.npos);
  }
}

STELE_FUZZ(line_reader, input) {
  LineReader reader(8, 20);
  BootTime now{Micros(1)};
  while (!input.empty()) {
    const uint8_t kind = input[0];
    const size_t size = std::min<size_t>(kind >> 2, input.size() - 1);
    const ByteSpan bytes = input.subspan(1, size);
    input = input.subspan(1 + size);
    now += Micros(size * 100'000);
    switch (kind & 3) {
      case 0:
        reader.typed(now, without_hidden(bytes), false);
        break;
      case 1:
        reader.typed(now, Bytes(size, size % 5 == 4 ? '\r' : kHidden), true);
        break;
      case 2:
        reader.output(now, without_hidden(bytes));
        break;
      default:
        size % 2 == 0 ? reader.hide_last() : reader.resize(size, size * 3);
    }
    for (const event::Line& line : reader.take()) check(line);
  }
}

}  // namespace
}  // namespace stele::capture
