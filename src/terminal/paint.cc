#include "terminal/paint.h"

#include <algorithm>

#include "terminal/neutralise.h"
#include "terminal/sgr.h"

namespace stele::terminal {
namespace {

class Painter {
 public:
  explicit Painter(const Screen& screen) : screen_(screen) {}
  std::string paint();

 private:
  void grid(const Grid& grid);
  void line(const Line& line);
  void saved_cursor(bool of_alternate, const Grid& grid);
  void cursor(const Cursor& cursor, const Grid& grid, size_t top);
  void tabs();
  void modes();
  void move_to(size_t row, size_t column);
  void style(const Style& style);
  void mode(const char* number, bool on) { (out_ += number) += on ? 'h' : 'l'; }

  const Screen& screen_;
  std::string out_;
  Style style_;  // as the terminal has it now
};

std::string Painter::paint() {
  out_ = kRestoreTerminal;
  out_ += kClearTerminal;
  out_ += "\x1b[?25l";
  grid(screen_.main_grid());
  saved_cursor(false, screen_.main_grid());
  if (screen_.is_alternate()) {
    style({});  // what is cleared takes the background under way on many terminals
    out_ += "\x1b[?1047h";
    grid(screen_.grid());
    saved_cursor(true, screen_.grid());
  }
  if (!screen_.has_default_tabs()) tabs();
  modes();
  cursor(screen_.cursor(), screen_.grid(), screen_.top_margin());
  if (screen_.modes().insert) mode("\x1b[4", true);
  if (screen_.modes().cursor_visible) mode("\x1b[?25", true);
  return std::move(out_);
}

void Painter::move_to(size_t row, size_t column) {
  out_ += "\x1b[" + std::to_string(row + 1) + ';' + std::to_string(column + 1) + 'H';
}

void Painter::style(const Style& wanted) {
  if (wanted == style_) return;
  append_sgr(wanted, out_);
  style_ = wanted;
}

void Painter::grid(const Grid& grid) {
  for (size_t row = 0; row < grid.rows(); ++row) {
    const Line& l = grid.line(row);
    if (l.size() == 0 && l.rest() == Cell{}) continue;
    move_to(row, 0);
    line(l);
  }
}

// Autowrap is on, so that marks find a character in the last column; nothing is printed beyond it.
void Painter::line(const Line& line) {
  Style background_only;
  background_only.background = line.rest().style.background;
  const bool erasable = line.rest().is_blank() && line.rest().style == background_only;
  const size_t columns = screen_.columns();
  size_t end = erasable ? std::min(line.size(), columns) : columns;
  if (erasable) {
    while (end > 0 && line.at(end - 1) == line.rest()) --end;
  }
  for (size_t column = 0; column < end; ++column) {
    if (line.at(column).width == 0) continue;
    style(line.at(column).style);
    append_text(line.at(column), out_);
  }
  if (end < columns && line.rest() != Cell{}) {
    style(background_only);
    out_ += "\x1b[K";
  }
}

// Margins are still the whole screen here, so a row saved in origin mode can be reached whatever
// the margins are now.
void Painter::saved_cursor(bool of_alternate, const Grid& grid) {
  const Cursor& saved = screen_.saved_cursor(of_alternate);
  if (saved == Cursor{}) return;
  cursor(saved, grid, 0);
  out_ +=
      "\x1b"
      "7\x1b(B\x1b)B\x0f";
  mode("\x1b[?6", false);
}

void Painter::cursor(const Cursor& c, const Grid& grid, size_t top) {
  if (c.origin) mode("\x1b[?6", true);
  size_t column = c.column;
  const Line& line = grid.line(c.row);
  if (c.wrap_pending && line.at(column).width == 0) --column;
  move_to(c.row - (c.origin ? top : 0), column);
  if (c.wrap_pending) {  // only printing in the last column brings that about
    style(line.at(column).style);
    append_text(line.at(column), out_);
  }
  style(c.style);
  if (c.graphics[0]) out_ += "\x1b(0";
  if (c.graphics[1]) out_ += "\x1b)0";
  if (c.shifted) out_ += '\x0e';
}

void Painter::tabs() {
  out_ += "\x1b[3g";
  for (size_t column = 0; column < screen_.columns(); ++column) {
    if (screen_.is_tab_stop(column)) out_ += "\x1b[" + std::to_string(column + 1) + "G\x1bH";
  }
}

void Painter::modes() {
  const DisplayModes& m = screen_.modes();
  if (screen_.top_margin() > 0 || screen_.bottom_margin() + 1 < screen_.rows()) {
    out_ += "\x1b[" + std::to_string(screen_.top_margin() + 1) + ';' +
            std::to_string(screen_.bottom_margin() + 1) + 'r';
  }
  if (m.reverse) mode("\x1b[?5", true);
  if (!m.autowrap) mode("\x1b[?7", false);
  if (m.cursor_blinks) mode("\x1b[?12", true);
  if (m.cursor_shape != 0) out_ += "\x1b[" + std::to_string(m.cursor_shape) + " q";
}

}  // namespace

std::string paint(const Screen& screen) { return Painter(screen).paint(); }

}  // namespace stele::terminal
