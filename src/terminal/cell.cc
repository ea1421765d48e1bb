#include "terminal/cell.h"

#include "codec/utf8.h"

namespace stele::terminal {

void append_text(const Cell& cell, std::string& out) {
  if (cell.width == 0) return;
  codec::append_utf8(cell.base, out);
  for (uint64_t marks = cell.marks; marks != 0; marks >>= 21) {
    codec::append_utf8(static_cast<char32_t>(marks & 0x1fffff), out);
  }
}

}  // namespace stele::terminal
