#include "terminal/window.h"

#include "terminal/neutralise.h"
#include "terminal/sgr.h"

namespace stele::terminal {
namespace {

// The least change of `from` with which `at` lies within [from, from + size).
size_t within(size_t from, size_t size, size_t at) {
  if (at < from) return at;
  return at < from + size ? from : at + 1 - size;
}

std::string move_to(size_t row, size_t column) {
  return "\x1b[" + std::to_string(row + 1) + ';' + std::to_string(column + 1) + 'H';
}

}  // namespace

void Window::resize(size_t rows, size_t columns) {
  rows_ = std::max<size_t>(1, rows);
  columns_ = std::max<size_t>(1, columns);
  is_known_ = false;
}

void Window::follow(const Screen& screen) {
  const Cursor& cursor = screen.cursor();
  top_ = within(std::min(top_, screen.rows() - std::min(rows_, screen.rows())), rows_, cursor.row);
  left_ = within(std::min(left_, screen.columns() - std::min(columns_, screen.columns())), columns_,
                 cursor.column);
}

void Window::draw(const Screen& screen, std::string& out) {
  follow(screen);
  out += "\x1b[?25l";
  if (!is_known_) {
    (out += kRestoreTerminal) += kClearTerminal;
    out += "\x1b[?25l";
    drawn_.assign(rows_, {});
    is_known_ = true;
    is_reverse_ = false;
  }
  if (is_reverse_ != screen.modes().reverse) {
    is_reverse_ = screen.modes().reverse;
    out += is_reverse_ ? "\x1b[?5h" : "\x1b[?5l";
  }
  for (size_t r = 0; r < rows_; ++r) {
    std::string now = top_ + r < screen.rows() ? row(screen, top_ + r) : std::string();
    if (now == drawn_[r]) continue;
    ((out += move_to(r, 0)) += now) += "\x1b[m";
    if (now.empty()) out += "\x1b[K";
    drawn_[r] = std::move(now);
  }
  out += move_to(screen.cursor().row - top_, screen.cursor().column - left_);
  if (screen.modes().cursor_visible) out += "\x1b[?25h";
}

// A row's visible cells, and clear beyond them; half a character at an edge is a blank. Empty: all
// clear.
std::string Window::row(const Screen& screen, size_t row) const {
  const Line& line = screen.grid().line(row);
  const size_t right = std::min(left_ + columns_, screen.columns());
  size_t end = line.rest() == Cell{} ? std::min(line.size(), right) : right;
  while (end > left_ && line.at(end - 1) == Cell{}) --end;
  std::string out;
  Style style;
  for (size_t column = left_; column < end; ++column) {
    Cell cell = line.at(column);
    if (cell.width == 0 && column > left_) continue;
    if (cell.width == 0 || column + cell.width > right) cell.make_blank();
    if (cell.style != style) append_sgr(style = cell.style, out);
    append_text(cell, out);
  }
  if (!out.empty() && end < left_ + columns_) out += "\x1b[m\x1b[K";
  return out;
}

}  // namespace stele::terminal
