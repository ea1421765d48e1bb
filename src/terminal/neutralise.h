// Makes recorded output safe to show on somebody's real terminal.
#pragma once

#include "terminal/parser.h"

namespace stele::terminal {

/// Brings a terminal back from all that a Neutraliser lets through: main screen, no attributes,
/// default modes, margins, tabs and character sets. The cursor ends at the top left; what is
/// written stays.
inline constexpr std::string_view kRestoreTerminal =
    "\x1b[?1047l\x1b[!p\x1b[?6l\x1b[r\x1b[4l\x1b[?5;12l\x1b[?7;25h\x1b[0 "
    "q\x1b[?5W\x1b(B\x1b)B\x0f\x1b[0m\x1b[H";
/// And clears its screen.
inline constexpr std::string_view kClearTerminal = "\x1b[2J";

/// Passes what changes the picture, one by one as listed in neutralise.cc, and drops all else:
/// whatever makes a terminal answer, report, type, print, copy, resize, retitle itself, forget its
/// scrollback, leave UTF-8 or change what keys send, and every string (OSC, DCS, APC, PM, SOS). The
/// output is UTF-8 without U+0080–9F, bytes that are no UTF-8 having become U+FFFD; other text
/// passes byte by byte. RIS becomes kRestoreTerminal + kClearTerminal. The output, shown by an
/// Emulator, gives the same Screen as the input.
///
/// A sequence is passed when it is complete, so that cuts between calls make no difference; one
/// that is never completed never comes out.
class Neutraliser {
 public:
  /// Appends to `out`: at most about 120 bytes for each byte in.
  void filter(ByteSpan in, Bytes& out);

 private:
  friend class Parser;
  void print_ascii(std::string_view text) { append(text); }
  void print(char32_t c);
  void execute(uint8_t control);
  void escape(const Escape& escape);
  void control(const Csi& csi);

  void append(std::string_view text);
  void append_csi(const Csi& csi);
  void pass_modes(const Csi& csi);

  Parser parser_;
  bool newline_ = false;  // LNM would change what Return sends: it is acted out here instead
  Bytes* out_ = nullptr;
};

}  // namespace stele::terminal
