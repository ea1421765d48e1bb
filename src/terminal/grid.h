// The rows of a screen. Scrolling all of it turns a ring; scrolling a part exchanges lines.
#pragma once

#include <vector>

#include "terminal/line.h"

namespace stele::terminal {

class Grid {
 public:
  Grid(size_t rows, size_t columns) : lines_(rows), columns_(columns) {}

  size_t rows() const { return lines_.size(); }
  size_t columns() const { return columns_; }
  const Line& line(size_t row) const { return lines_[place(row)]; }
  Line& line(size_t row) { return lines_[place(row)]; }

  void reset(const Cell& fill);
  /// Rows top..=bottom move up by `count` (1 to their number); `fill` enters below.
  void scroll_up(size_t top, size_t bottom, size_t count, const Cell& fill);
  void scroll_down(size_t top, size_t bottom, size_t count, const Cell& fill);
  /// Drops `skip` rows from the top, then keeps, cuts or adds blank rows at the bottom to make it
  /// `rows`.
  void resize(size_t skip, size_t rows, size_t columns);

  bool operator==(const Grid& other) const;

 private:
  size_t place(size_t row) const {
    const size_t at = first_ + row;
    return at < lines_.size() ? at : at - lines_.size();
  }

  std::vector<Line> lines_;
  size_t first_ = 0;  // where in lines_ row 0 is
  size_t columns_;
};

}  // namespace stele::terminal
