#include "terminal/line.h"

#include <algorithm>
#include <cstddef>

namespace stele::terminal {

void Line::reset(const Cell& fill) {
  cells_.clear();
  rest_ = fill;
}

// Makes the first `count` cells real.
void Line::reach(size_t count) {
  if (count <= cells_.size()) return;
  if (count > cells_.capacity()) {
    // Doubling, but never beyond the widest line there is.
    cells_.reserve(std::max(count, std::min(2 * cells_.capacity(), kColumnsMax)));
  }
  cells_.resize(count, rest_);
}

// No wide character may lie on both sides of the border before `column`.
void Line::split(size_t column) {
  if (column >= cells_.size() || column == 0 || cells_[column].width != 0) return;
  cells_[column - 1].make_blank();
  cells_[column].make_blank();
}

void Line::write_ascii(size_t column, std::string_view text, const Style& style) {
  reach(column + text.size());
  split(column);
  split(column + text.size());
  Cell cell;
  cell.style = style;
  Cell* to = cells_.data() + column;
  for (const char c : text) {
    cell.base = static_cast<unsigned char>(c) & 0x7fU;
    *to++ = cell;
  }
}

void Line::write(size_t column, const Cell& cell) {
  reach(column + cell.width);
  split(column);
  split(column + cell.width);
  cells_[column] = cell;
  if (cell.width == 2) {
    Cell& right = cells_[column + 1];
    right = {};
    right.style = cell.style;
    right.width = 0;
  }
}

void Line::add_mark(size_t column, char32_t mark) {
  reach(column + 1);
  if (cells_[column].width == 0) --column;
  cells_[column].add_mark(mark);
}

void Line::erase(size_t from, size_t to, size_t columns, const Cell& fill) {
  if (from >= to) return;
  split(from);
  split(to);
  if (to < columns) {
    reach(to);
    std::fill(cells_.begin() + static_cast<ptrdiff_t>(from),
              cells_.begin() + static_cast<ptrdiff_t>(to), fill);
    return;
  }
  if (from > cells_.size() && rest_ != fill) reach(from);
  if (from < cells_.size()) cells_.resize(from);
  rest_ = fill;
}

void Line::insert(size_t column, size_t count, size_t columns, const Cell& fill) {
  count = std::min(count, columns - column);
  if (count == 0 || (column >= cells_.size() && rest_ == fill)) return;
  split(column);
  reach(column);
  const size_t size = std::min(columns, cells_.size() + count);
  const auto moved = static_cast<ptrdiff_t>(size - std::min(size, column + count));
  reach(size);
  const auto from = cells_.begin() + static_cast<ptrdiff_t>(column);
  const auto end = cells_.begin() + static_cast<ptrdiff_t>(size);
  std::move_backward(from, from + moved, end);
  std::fill(from, end - moved, fill);
  if (cells_.back().width == 2) cells_.back().make_blank();
}

void Line::remove(size_t column, size_t count, size_t columns, const Cell& fill) {
  count = std::min(count, columns - column);
  if (count == 0) return;
  split(column);
  split(column + count);
  if (rest_ != fill) reach(columns);
  if (column < cells_.size()) {
    const auto from = cells_.begin() + static_cast<ptrdiff_t>(column);
    cells_.erase(from, from + static_cast<ptrdiff_t>(std::min(count, cells_.size() - column)));
  }
  rest_ = fill;
}

void Line::resize(size_t old_columns, size_t columns) {
  if (columns > old_columns && rest_ != Cell{}) {
    reach(old_columns);
    rest_ = {};
  }
  if (columns < cells_.size()) {
    split(columns);
    cells_.resize(columns);
    cells_.shrink_to_fit();
  }
}

bool Line::is_blank(size_t columns) const {
  return (cells_.size() >= columns || rest_.is_blank()) &&
         std::all_of(cells_.begin(), cells_.end(), [](const Cell& c) { return c.is_blank(); });
}

void Line::append_text(size_t columns, std::string& out) const {
  size_t end = rest_.is_blank() ? std::min(cells_.size(), columns) : columns;
  while (end > 0 && at(end - 1).is_blank()) --end;
  for (size_t column = 0; column < end; ++column) terminal::append_text(at(column), out);
}

bool Line::equals(const Line& other, size_t columns) const {
  const size_t explicit_columns = std::min(columns, std::max(size(), other.size()));
  for (size_t column = 0; column < explicit_columns; ++column) {
    if (at(column) != other.at(column)) return false;
  }
  return explicit_columns == columns || rest_ == other.rest_;
}

}  // namespace stele::terminal
