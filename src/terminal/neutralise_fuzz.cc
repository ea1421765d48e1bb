// Whatever comes in, nothing comes out that a terminal would answer; the picture stays the same;
// cuts make no difference.
#include "base/check.h"
#include "base/fuzz.h"
#include "terminal/emulator.h"
#include "terminal/neutralise.h"

namespace stele::terminal {
namespace {

// A check of its own, deliberately not by the Parser: every ESC in the output begins one of these
// few forms.
class OutputReader {
 public:
  explicit OutputReader(ByteSpan bytes) : bytes_(bytes) {}
  void check() {
    while (at_ < bytes_.size()) {
      const uint8_t b = next();
      if (b == 0x1b) {
        escape();
      } else if (b < 0x80) {
        CHECK((b >= 0x20 && b != 0x7f) || (b >= 0x07 && b <= 0x0f));
      } else {
        character(b);
      }
    }
  }

 private:
  uint8_t next() {
    CHECK(at_ < bytes_.size());
    return bytes_[at_++];
  }
  static bool is_one_of(uint8_t b, std::string_view set) {
    return set.find(static_cast<char>(b)) != std::string_view::npos;
  }

  void escape() {
    const uint8_t b = next();
    if (b == '(' || b == ')') return CHECK(is_one_of(next(), "0B"));
    if (b == '#') return CHECK(next() == '8');
    if (b == '[') return control();
    CHECK(is_one_of(b, "78DEHM"));
  }
  void control() {
    std::string parameters;
    uint8_t b = next();
    for (; b >= 0x30 && b < 0x40; b = next()) parameters += static_cast<char>(b);
    const bool is_private = parameters.starts_with('?');
    if (b == '!') return CHECK(next() == 'p' && !is_private);
    if (b == ' ') return CHECK(next() == 'q' && !is_private);
    CHECK(parameters.find_first_of("<=>") == std::string::npos);
    CHECK(is_one_of(b, is_private ? "hlJKW" : "@ABCDEFGHIJKLMPSTXZ`abdefgmrsuhl"));
    if (b == 'J')
      CHECK(parameters.find('3') == std::string::npos || parameters.find(';') != std::string::npos);
    if (b == 'h' || b == 'l') modes(parameters);
  }
  static void modes(std::string parameters) {
    const std::string safe =
        parameters.starts_with('?') ? ";5;6;7;12;25;47;1047;1048;1049;" : ";4;";
    if (parameters.starts_with('?')) parameters.erase(0, 1);
    for (size_t at = 0; at <= parameters.size();) {
      const size_t end = std::min(parameters.find(';', at), parameters.size());
      CHECK(safe.find(";" + parameters.substr(at, end - at) + ";") != std::string::npos);
      at = end + 1;
    }
  }
  void character(uint8_t lead) {
    CHECK(lead >= 0xc2 && lead <= 0xf4);
    const uint8_t second = next();
    CHECK((second & 0xc0) == 0x80);
    if (lead == 0xc2) CHECK(second >= 0xa0);  // no C1
    for (int more = lead >= 0xf0 ? 2 : lead >= 0xe0 ? 1 : 0; more > 0; --more)
      CHECK((next() & 0xc0) == 0x80);
  }

  ByteSpan bytes_;
  size_t at_ = 0;
};

}  // namespace
}  // namespace stele::terminal

STELE_FUZZ(terminal_neutralise, input) {
  using namespace stele;
  using namespace stele::terminal;
  Bytes whole, split, again;
  Neutraliser().filter(input, whole);
  OutputReader(whole).check();
  CHECK(whole.size() <= 120 * input.size());

  Neutraliser one_by_one;
  for (size_t i = 0; i < input.size(); ++i) one_by_one.filter(input.subspan(i, 1), split);
  CHECK(split == whole);

  Neutraliser().filter(whole, again);
  CHECK(again == whole);

  Emulator recorded(7, 18), shown(7, 18);
  recorded.write(input);
  shown.write(whole);
  CHECK(recorded.screen() == shown.screen());
}
