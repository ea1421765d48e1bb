// Whatever is typed and shown: lines are bounded UTF-8 without control characters, and no text that
// was typed hidden and never shown is in one.
#include <set>

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

void check(const ReadLine& read, uint64_t typed, std::set<uint64_t>& ends) {
  const event::Line& line = read.line;
  CHECK(read.from < read.upto && read.upto <= typed && ends.insert(read.upto).second);
  CHECK(!line.text.empty() && line.text.size() <= event::kLineBytesMax);
  CHECK(line.prompt.size() <= event::kLinePromptBytesMax);
  for (const std::string& text : {line.text, line.prompt}) {
    CHECK(codec::is_utf8(text));
    CHECK(text.find(static_cast<char>(kHidden)) == text.npos);
    CHECK(text.find('\x1b') == text.npos && text.find('\r') == text.npos);
  }
}

STELE_FUZZ(line_reader, input) {
  uint64_t typed = 0;
  std::set<uint64_t> ends;
  const bool is_anew = !input.empty() && input[0] >= 0x80;
  LineReader reader = is_anew ? LineReader(8, 20, static_cast<LineReader::Place>(input[0] % 3), 0)
                              : LineReader(8, 20);
  BootTime now{Micros(1)};
  while (!input.empty()) {
    const uint8_t kind = input[0];
    const size_t size = std::min<size_t>(kind >> 2, input.size() - 1);
    const ByteSpan bytes = input.subspan(1, size);
    input = input.subspan(1 + size);
    now += Micros(size * 100'000);
    switch (kind & 3) {
      case 0:
        typed += without_hidden(bytes).size();
        reader.typed(now, without_hidden(bytes), false);
        break;
      case 1:
        typed += size;
        reader.typed(now, Bytes(size, size % 5 == 4 ? '\r' : kHidden), true);
        break;
      case 2:
        reader.output(now, without_hidden(bytes));
        break;
      default:
        size % 2 == 0 ? reader.hide_last() : reader.resize(size, size * 3);
    }
    for (const ReadLine& each : reader.take()) check(each, typed, ends);
  }
}

}  // namespace
}  // namespace stele::capture
