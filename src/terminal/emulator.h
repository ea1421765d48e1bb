// A terminal without glass: bytes in, Screen out. Made for hostile bytes: never fails, and all it
// keeps is bounded.
//
// It is an xterm as far as the programs of a UNIX login use one; where xterm and tmux differ, a
// comment says whom it follows. Not understood, and so without effect: DECLRMM, DECCOLM (xterm
// ignores it as well unless told otherwise), rectangles, double-size lines, protected cells, G2 and
// G3, images. It never answers: there is no way out but the Screen. So
// modes that change what a terminal sends, and titles, are none of its business.
#pragma once

#include <string_view>

#include "terminal/parser.h"
#include "terminal/screen.h"

namespace stele::terminal {

class Emulator {
 public:
  /// The watcher, if any, outlives the emulator.
  Emulator(size_t rows, size_t columns, Watcher* watcher = nullptr)
      : screen_(rows, columns), watcher_(watcher) {}

  void write(ByteSpan bytes) { parser_.parse(bytes, *this); }
  void resize(size_t rows, size_t columns) { screen_.resize(rows, columns, watcher_); }

  const Screen& screen() const { return screen_; }

 private:
  friend class Parser;
  void print_ascii(std::string_view text);
  void print(char32_t c);
  void execute(uint8_t control);
  void escape(const Escape& escape);
  void control(const Csi& csi);

  void move(const Csi& csi);
  bool edit(const Csi& csi);
  void control_with_intermediates(const Csi& csi);
  void set_modes(const Csi& csi, bool on);
  void set_private_modes(const Csi& csi, bool on);
  void set_private_mode(int mode, bool on);
  void clear_tabs(int what);
  void repeat_last(size_t count);

  Parser parser_;
  Screen screen_;
  Watcher* watcher_;
  bool newline_ = false;  // LNM: a line feed returns the carriage as well
  char32_t last_ = 0;     // the last character printed, for REP, whatever came since; 0: none
};

}  // namespace stele::terminal
