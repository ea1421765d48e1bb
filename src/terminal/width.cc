#include "terminal/width.h"

#include <algorithm>
#include <iterator>

namespace stele::terminal {
namespace {

struct Range {
  char32_t first, last;
};
#include "terminal/width_table.inc"

template <size_t N>
bool contains(const Range (&table)[N], char32_t code_point) {
  const Range* at = std::lower_bound(std::begin(table), std::end(table), code_point,
                                     [](const Range& r, char32_t c) { return r.last < c; });
  return at != std::end(table) && at->first <= code_point;
}

}  // namespace

uint8_t column_width(char32_t code_point) {
  if (code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0)) return 0;
  if (code_point < 0xad) return 1;
  if (contains(kNoColumn, code_point)) return 0;
  return contains(kTwoColumns, code_point) ? 2 : 1;
}

}  // namespace stele::terminal
