// Where the cursor goes, and what is saved, switched and reset.
#include <algorithm>
#include <cstddef>

#include "terminal/screen.h"

namespace stele::terminal {

void Screen::move_to(size_t row, size_t column) {
  const size_t first = cursor_.origin ? top_ : 0;
  const size_t last = cursor_.origin ? bottom_ : rows() - 1;
  cursor_.row = std::min(first + row, last);
  move_to_column(column);
}

void Screen::move_to_column(size_t column) {
  cursor_.column = std::min(column, columns() - 1);
  cursor_.wrap_pending = false;
}

void Screen::up(size_t count) {
  const size_t limit = cursor_.row >= top_ ? top_ : 0;
  cursor_.row -= std::min(count, cursor_.row - limit);
  cursor_.wrap_pending = false;
}

void Screen::down(size_t count) {
  const size_t limit = cursor_.row <= bottom_ ? bottom_ : rows() - 1;
  cursor_.row = std::min(cursor_.row + count, limit);
  cursor_.wrap_pending = false;
}

void Screen::line_feed(Watcher* watcher) {
  cursor_.wrap_pending = false;
  if (cursor_.row == bottom_) {
    scroll_up(1, watcher);
  } else if (cursor_.row + 1 < rows()) {
    ++cursor_.row;
  }
}

void Screen::reverse_line_feed() {
  cursor_.wrap_pending = false;
  if (cursor_.row == top_) {
    scroll_down(1);
  } else if (cursor_.row > 0) {
    --cursor_.row;
  }
}

// At the last column a pending wrap stays pending, as in xterm and tmux.
void Screen::tab(size_t count) {
  const size_t last = columns() - 1;
  for (; count > 0 && cursor_.column < last; --count) {
    const auto from = tabs_.begin() + static_cast<ptrdiff_t>(cursor_.column) + 1;
    const auto stop = std::find(from, tabs_.end(), uint8_t{1});
    cursor_.column = std::min(static_cast<size_t>(stop - tabs_.begin()), last);
  }
}

void Screen::back_tab(size_t count) {
  for (; count > 0 && cursor_.column > 0; --count) {
    do --cursor_.column;
    while (cursor_.column > 0 && tabs_[cursor_.column] == 0);
  }
  cursor_.wrap_pending = false;
}

void Screen::default_tabs() {
  for (size_t column = 0; column < tabs_.size(); ++column) tabs_[column] = column % 8 == 0;
}

bool Screen::has_default_tabs() const {
  for (size_t column = 0; column < tabs_.size(); ++column) {
    if ((tabs_[column] != 0) != (column % 8 == 0)) return false;
  }
  return true;
}

void Screen::set_margins(size_t top, size_t bottom) {
  bottom = std::min(bottom, rows() - 1);
  if (top >= bottom) return;
  top_ = top;
  bottom_ = bottom;
  move_to(0, 0);
}

void Screen::set_origin(bool on) {
  cursor_.origin = on;
  move_to(0, 0);
}

void Screen::set_autowrap(bool on) {
  if (modes_.autowrap != on) cursor_.wrap_pending = false;
  modes_.autowrap = on;
}

void Screen::restore_cursor() {
  cursor_ = saved_[alternate_];
  if (cursor_.origin) cursor_.row = std::clamp(cursor_.row, top_, bottom_);
}

void Screen::set_alternate(bool on, Watcher* watcher) {
  if (on == alternate_) return;
  if (!on && watcher != nullptr) watcher->alternate_leaves(other_);
  other_ = on ? Grid(rows(), columns()) : Grid(1, 1);
  saved_[true] = {};
  alternate_ = on;
}

void Screen::soft_reset() {
  const size_t row = cursor_.row, column = cursor_.column;
  cursor_ = {};
  cursor_.row = row;
  cursor_.column = column;
  saved_[alternate_] = {};
  modes_.cursor_visible = true;
  modes_.insert = false;
  modes_.autowrap = true;
  top_ = 0;
  bottom_ = rows() - 1;
}

void Screen::reset(Watcher* watcher) {
  set_alternate(false, watcher);
  cursor_ = {};
  clear_whole(watcher);
  *this = Screen(rows(), columns());
}

void Screen::keep_in_bounds(Cursor& cursor) const {
  if (cursor.row >= rows()) cursor.row = rows() - 1;
  if (cursor.wrap_pending &&
      cursor.column + 1 < columns()) {  // wider now: there is room behind the last character
    ++cursor.column;
    cursor.wrap_pending = false;
  } else if (cursor.column >= columns()) {
    cursor.column = columns() - 1;
    cursor.wrap_pending = false;
  }
}

// How many rows go off the top of the main screen when it becomes `rows` high.
size_t Screen::rows_to_skip(size_t rows) const {
  const size_t cursor_row = alternate_ ? saved_[false].row : cursor_.row;
  size_t used = this->rows();
  while (used > cursor_row + 1 && main_.line(used - 1).is_blank(columns())) --used;
  return used <= rows ? 0 : std::min(used - rows, cursor_row);
}

void Screen::report_cut_lines(size_t skip, size_t rows, Watcher* watcher) const {
  if (watcher == nullptr) return;
  for (size_t row = 0; row < this->rows(); ++row) {
    const Line& line = main_.line(row);
    const bool cut_below = row >= skip + rows && !line.is_blank(columns());
    if (row < skip || cut_below) watcher->line_leaves(line, columns());
  }
}

void Screen::resize(size_t new_rows, size_t new_columns, Watcher* watcher) {
  new_rows = std::clamp<size_t>(new_rows, 1, kRowsMax);
  new_columns = std::clamp<size_t>(new_columns, 1, kColumnsMax);
  if (new_rows == rows() && new_columns == columns()) return;
  const size_t skip = rows_to_skip(new_rows);
  report_cut_lines(skip, new_rows, watcher);
  Cursor& on_main = alternate_ ? saved_[false] : cursor_;
  on_main.row -= std::min(skip, on_main.row);
  main_.resize(skip, new_rows, new_columns);
  if (alternate_) {
    const size_t excess = cursor_.row >= new_rows ? cursor_.row - new_rows + 1 : 0;
    other_.resize(excess, new_rows, new_columns);
    cursor_.row -= excess;
  }
  for (Cursor* cursor : {&cursor_, &saved_[false], &saved_[true]}) keep_in_bounds(*cursor);
  for (size_t column = tabs_.size(); column < new_columns; ++column)
    tabs_.push_back(column % 8 == 0);
  tabs_.resize(new_columns);
  top_ = 0;
  bottom_ = new_rows - 1;
}

}  // namespace stele::terminal
