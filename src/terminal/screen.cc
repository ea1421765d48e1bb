#include "terminal/screen.h"

#include <algorithm>

#include "terminal/width.h"

namespace stele::terminal {
namespace {

// DEC special graphics (VT220 programmer reference, table 2-4): the characters for 5F–7E.
constexpr char32_t kGraphics[] = U"\u00a0◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·";
static_assert(sizeof(kGraphics) / sizeof(char32_t) == 0x7f - 0x5f + 1);

size_t clamp_rows(size_t rows) { return std::clamp<size_t>(rows, 1, kRowsMax); }
size_t clamp_columns(size_t columns) { return std::clamp<size_t>(columns, 1, kColumnsMax); }

}  // namespace

Screen::Screen(size_t rows, size_t columns)
    : main_(clamp_rows(rows), clamp_columns(columns)),
      other_(1, 1),
      bottom_(main_.rows() - 1),
      tabs_(main_.columns()) {
  default_tabs();
}

// Erased cells take the background under way and nothing else ("bce").
Cell Screen::blank() const {
  Cell cell;
  cell.style.background = cursor_.style.background;
  return cell;
}

void Screen::print_ascii(std::string_view text, Watcher* watcher) {
  if (modes_.insert || !modes_.autowrap || cursor_.graphics[cursor_.shifted]) {
    for (const char c : text) print(static_cast<unsigned char>(c), watcher);
    return;
  }
  while (!text.empty()) {
    if (cursor_.wrap_pending) wrap(watcher);
    const size_t count = std::min(text.size(), columns() - cursor_.column);
    current_line().write_ascii(cursor_.column, text.substr(0, count), cursor_.style);
    advance(count);
    text.remove_prefix(count);
  }
}

void Screen::print(char32_t c, Watcher* watcher) {
  if (c >= 0x5f && c < 0x7f && cursor_.graphics[cursor_.shifted]) c = kGraphics[c - 0x5f];
  const uint8_t width = column_width(c);
  if (width == 0) return combine(c);
  if (width > columns()) return;  // cannot be shown; tmux drops it as well
  put(c, width, watcher);
}

void Screen::put(char32_t c, uint8_t width, Watcher* watcher) {
  if (cursor_.wrap_pending && modes_.autowrap) wrap(watcher);
  if (cursor_.column + width > columns()) {
    if (!modes_.autowrap) return;
    wrap(watcher);
  }
  if (modes_.insert) current_line().insert(cursor_.column, width, columns(), blank());
  Cell cell;
  cell.set_base(c);
  cell.style = cursor_.style;
  cell.width = width;
  current_line().write(cursor_.column, cell);
  advance(width);
}

void Screen::wrap(Watcher* watcher) {
  carriage_return();
  line_feed(watcher);
}

void Screen::advance(size_t count) {
  cursor_.column += count;
  cursor_.wrap_pending = cursor_.column == columns();
  if (cursor_.wrap_pending) --cursor_.column;
}

// Onto the character before the cursor; nothing is there in the first column.
void Screen::combine(char32_t mark) {
  if (cursor_.wrap_pending) {
    current_line().add_mark(cursor_.column, mark);
  } else if (cursor_.column > 0) {
    current_line().add_mark(cursor_.column - 1, mark);
  }
}

// Erasing and shifting leave a pending wrap pending, and find nothing to the right of it, as in
// tmux and Alacritty. xterm and VTE take the last column back instead, so that what `grep --color`
// wrote there is lost.
void Screen::erase_display(int what, Watcher* watcher) {
  if (what == 2 || (what == 0 && at_home())) return clear_whole(watcher);
  if (what != 0 && what != 1) return;
  erase_line(what);
  const size_t from = what == 0 ? cursor_.row + 1 : 0;
  const size_t to = what == 0 ? rows() : cursor_.row;
  for (size_t row = from; row < to; ++row) active().line(row).reset(blank());
}

// Rows down to the last that shows something leave first: `clear` must not take from the transcript
// what was seen.
void Screen::clear_whole(Watcher* watcher) {
  if (watcher != nullptr && !alternate_) {
    size_t end = rows();
    while (end > 0 && main_.line(end - 1).is_blank(columns())) --end;
    for (size_t row = 0; row < end; ++row) watcher->line_leaves(main_.line(row), columns());
  }
  active().reset(blank());
}

void Screen::erase_line(int what) {
  if (what < 0 || what > 2) return;
  const size_t from = what == 0 ? next_column() : 0;
  const size_t to = what == 1 ? cursor_.column + 1 : columns();
  current_line().erase(from, to, columns(), blank());
}

void Screen::erase_characters(size_t count) {
  current_line().erase(next_column(), std::min(next_column() + count, columns()), columns(),
                       blank());
}

void Screen::insert_characters(size_t count) {
  current_line().insert(next_column(), count, columns(), blank());
}

void Screen::delete_characters(size_t count) {
  current_line().remove(next_column(), count, columns(), blank());
}

void Screen::insert_lines(size_t count) {
  if (!in_margins()) return;
  active().scroll_down(cursor_.row, bottom_, std::min(count, bottom_ - cursor_.row + 1), blank());
  carriage_return();
}

void Screen::delete_lines(size_t count) {
  if (!in_margins()) return;
  active().scroll_up(cursor_.row, bottom_, std::min(count, bottom_ - cursor_.row + 1), blank());
  carriage_return();
}

void Screen::scroll_up(size_t count, Watcher* watcher) {
  count = std::min(count, bottom_ - top_ + 1);
  if (watcher != nullptr && !alternate_ && top_ == 0) {
    for (size_t row = 0; row < count; ++row) watcher->line_leaves(main_.line(row), columns());
  }
  active().scroll_up(top_, bottom_, count, blank());
}

void Screen::scroll_down(size_t count) {
  active().scroll_down(top_, bottom_, std::min(count, bottom_ - top_ + 1), blank());
}

void Screen::fill_with_e() {
  Cell e;
  e.base = U'E';
  active().reset(e);
  top_ = 0;
  bottom_ = rows() - 1;
  move_to(0, 0);
}

}  // namespace stele::terminal
