// How many columns a character takes on a terminal.
#pragma once

#include <cstdint>

namespace stele::terminal {

/// 0 (combining and format characters, C0, DEL and C1), 1, or 2 (East Asian Wide and Fullwidth,
/// most emoji). Unicode 14.0, equal for every code point to wcwidth() of glibc 2.36, which
/// tmux 3.3a asks
/// (`width_table.py --check`).
uint8_t column_width(char32_t code_point);

}  // namespace stele::terminal
