// A terminal without glass: bytes in, Screen out. Made for hostile bytes: never fails, and all it
// keeps is bounded.
//
// It is an xterm as far as the programs of a UNIX login use one; where xterm and tmux differ, a
// comment says whom it follows. Not understood, and so without effect: DECLRMM, DECCOLM (xterm
// ignores it as well unless told otherwise), rectangles, double-size lines, protected cells, G2 and
// G3, images. It never answers: there is no way out but the Screen.
#pragma once

#include <string>

#include "terminal/parser.h"
#include "terminal/screen.h"

namespace stele::terminal {

/// Modes that change what the terminal sends, or when it draws: kept for those who ask, without
/// effect on the Screen.
struct InputModes {
  bool application_cursor = false;  // DECCKM
  bool application_keypad = false;  // DECKPAM
  bool bracketed_paste = false;     // ?2004
  bool focus_events = false;        // ?1004
  bool synchronized = false;        // ?2026
  int mouse = 0;                    // 9, 1000, 1002 or 1003; 0: off
  int mouse_encoding = 0;           // 1005, 1006 or 1015; 0: X10's
  bool operator==(const InputModes&) const = default;
};

class Emulator {
 public:
  static constexpr size_t kTitleSizeMax = 1024;

  /// The watcher, if any, outlives the emulator.
  Emulator(size_t rows, size_t columns, Watcher* watcher = nullptr)
      : screen_(rows, columns), watcher_(watcher) {}

  void write(ByteSpan bytes) { parser_.parse(bytes, *this); }
  void resize(size_t rows, size_t columns) { screen_.resize(rows, columns, watcher_); }

  const Screen& screen() const { return screen_; }
  const InputModes& input_modes() const { return input_; }
  /// As OSC 0 or 2 last set it, cut to kTitleSizeMax; no C0 controls, but otherwise any bytes.
  const std::string& title() const { return title_; }

 private:
  friend class Parser;
  void print_ascii(std::string_view text);
  void print(char32_t c);
  void execute(uint8_t control);
  void escape(const Escape& escape);
  void control(const Csi& csi);
  void osc(std::string_view text);

  void move(const Csi& csi);
  bool edit(const Csi& csi);
  void control_with_intermediates(const Csi& csi);
  void set_modes(const Csi& csi, bool on);
  void set_private_modes(const Csi& csi, bool on);
  void set_private_mode(int mode, bool on);
  void set_screen_mode(int mode, bool on);
  void clear_tabs(int what);
  void repeat_last(size_t count);

  Parser parser_;
  Screen screen_;
  Watcher* watcher_;
  InputModes input_;
  bool newline_ = false;  // LNM: a line feed returns the carriage as well
  char32_t last_ = 0;     // the last character printed, for REP, whatever came since; 0: none
  std::string title_;
};

}  // namespace stele::terminal
