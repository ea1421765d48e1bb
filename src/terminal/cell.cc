#include "terminal/cell.h"

namespace stele::terminal {

void append_utf8(char32_t c, std::string& out) {
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto tail = [&](int shift) { put(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    tail(0);
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    tail(6);
    tail(0);
  } else {
    put(0xf0 | c >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

void append_text(const Cell& cell, std::string& out) {
  if (cell.width == 0) return;
  append_utf8(cell.base, out);
  for (uint64_t marks = cell.marks; marks != 0; marks >>= 21) {
    append_utf8(static_cast<char32_t>(marks & 0x1fffff), out);
  }
}

}  // namespace stele::terminal
