// Any bytes and sizes: lines are clean text, bounded, and the same however the bytes were cut.
#include <algorithm>

#include "base/check.h"
#include "base/fuzz.h"
#include "terminal/text.h"

namespace stele::terminal {
namespace {

void check_line(std::string_view line) {
  for (size_t i = 0; i < line.size(); ++i) {
    const auto b = static_cast<unsigned char>(line[i]);
    CHECK(b >= 0x20 && b != 0x7f);
    if (b == 0xc2) CHECK(static_cast<unsigned char>(line[i + 1]) >= 0xa0);  // no C1
  }
  CHECK(line.empty() || line.back() != ' ');
}

}  // namespace
}  // namespace stele::terminal

// 0xff stands for a resize, and the two bytes behind it for the size.
STELE_FUZZ(terminal_text, input) {
  using namespace stele;
  using namespace stele::terminal;
  const size_t size = input.size();
  std::string whole_text, split_text;
  const auto append_to = [](std::string& out) {
    return [&out](std::string_view line) {
      check_line(line);
      out.append(line) += '\n';
    };
  };
  Transcript whole(5, 20, append_to(whole_text)), split(5, 20, append_to(split_text));
  while (!input.empty()) {
    const auto cut =
        static_cast<size_t>(std::find(input.begin(), input.end(), 0xff) - input.begin());
    whole.write(input.first(cut));
    for (size_t i = 0; i < cut; ++i) split.write(input.subspan(i, 1));
    input = input.subspan(cut);
    if (input.size() >= 3) {
      whole.resize(input[1] % 32, input[2] % 64);
      split.resize(input[1] % 32, input[2] % 64);
    }
    input = input.subspan(std::min<size_t>(input.size(), 3));
  }
  whole.finish();
  split.finish();
  // Cuts only matter once text is withheld, since credit is given for all bytes of a call at its
  // beginning.
  if (whole_text.size() < Transcript::kAllowance / 2) CHECK(whole_text == split_text);
  CHECK(whole_text.size() <= 2 * (Transcript::kAllowance + Transcript::kGrowthMax * (size + 1)));
}
