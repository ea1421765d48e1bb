#include "terminal/grid.h"

#include <algorithm>
#include <utility>

namespace stele::terminal {

void Grid::reset(const Cell& fill) {
  for (Line& l : lines_) l.reset(fill);
}

void Grid::scroll_up(size_t top, size_t bottom, size_t count, const Cell& fill) {
  if (top == 0 && bottom + 1 == rows()) {
    first_ = place(count);
  } else {
    for (size_t row = top; row + count <= bottom; ++row) std::swap(line(row), line(row + count));
  }
  for (size_t row = bottom + 1 - count; row <= bottom; ++row) line(row).reset(fill);
}

void Grid::scroll_down(size_t top, size_t bottom, size_t count, const Cell& fill) {
  if (top == 0 && bottom + 1 == rows()) {
    first_ = place(rows() - count);
  } else {
    for (size_t row = bottom; row >= top + count; --row) std::swap(line(row), line(row - count));
  }
  for (size_t row = top; row < top + count; ++row) line(row).reset(fill);
}

void Grid::resize(size_t skip, size_t rows, size_t columns) {
  std::vector<Line> lines(rows);
  for (size_t row = 0; row < rows && row + skip < this->rows(); ++row) {
    lines[row] = std::move(line(row + skip));
    if (columns != columns_) lines[row].resize(columns_, columns);
  }
  lines_ = std::move(lines);
  first_ = 0;
  columns_ = columns;
}

bool Grid::operator==(const Grid& other) const {
  if (rows() != other.rows() || columns_ != other.columns_) return false;
  for (size_t row = 0; row < rows(); ++row) {
    if (!line(row).equals(other.line(row), columns_)) return false;
  }
  return true;
}

}  // namespace stele::terminal
