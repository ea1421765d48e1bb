// Select Graphic Rendition (CSI … m): bytes to Style and back.
#pragma once

#include <string>

#include "terminal/cell.h"
#include "terminal/sequence.h"

namespace stele::terminal {

/// Colours as 38;5;n, 38;2;r;g;b, 38:5:n, 38:2:r:g:b and 38:2:space:r:g:b. What is not understood
/// changes nothing.
void apply_sgr(const Csi& csi, Style& style);
/// Appends the one SGR sequence that makes `style` out of any other.
void append_sgr(const Style& style, std::string& out);

}  // namespace stele::terminal
