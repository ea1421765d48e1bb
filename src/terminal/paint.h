// A Screen as the bytes that draw it: what the player writes after a seek.
#pragma once

#include <string>

#include "terminal/screen.h"

namespace stele::terminal {

/// Bytes that bring any terminal of the same size, whatever it showed, to this screen: contents of
/// the main and, in use, the alternate screen, cursors, attributes, margins, tabs, character sets
/// and display modes. Fed to an Emulator they give an equal Screen. They pass a Neutraliser
/// unchanged; modes that change what a terminal sends are not among them.
std::string paint(const Screen& screen);

}  // namespace stele::terminal
