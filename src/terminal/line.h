// One row of cells, of which only the ones written to take memory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "terminal/cell.h"

namespace stele::terminal {

inline constexpr size_t kRowsMax = 1000, kColumnsMax = 10000;

/// The first cells one by one, then one cell that stands for all the rest: erasing a line to its
/// end costs nothing, however wide the terminal. The width is the Grid's to know; callers keep
/// every column within it. Never breaks a wide character in two: an operation that cuts one blanks
/// both halves first.
class Line {
 public:
  const Cell& at(size_t column) const { return column < cells_.size() ? cells_[column] : rest_; }
  /// Columns below this may differ from rest().
  size_t size() const { return cells_.size(); }
  const Cell& rest() const { return rest_; }

  /// All cells become `fill`, a cell of width 1.
  void reset(const Cell& fill);
  /// Printable ASCII into the columns from `column` on.
  void write_ascii(size_t column, std::string_view text, const Style& style);
  /// A cell of width 1 or 2.
  void write(size_t column, const Cell& cell);
  /// A combining character for the one at `column` (either half of a wide one).
  void add_mark(size_t column, char32_t mark);
  /// Cells [from, to) become `fill`; `columns` is the line's width.
  void erase(size_t from, size_t to, size_t columns, const Cell& fill);
  /// Shifts the cells from `column` on right by `count`, over the edge.
  void insert(size_t column, size_t count, size_t columns, const Cell& fill);
  /// Removes `count` cells and shifts the ones behind them left; `fill` enters from the edge.
  void remove(size_t column, size_t count, size_t columns, const Cell& fill);
  /// New columns are blank, of default style; what no longer fits is gone.
  void resize(size_t old_columns, size_t columns);

  bool is_blank(size_t columns) const;
  /// Appends the text, without the blanks at its end.
  void append_text(size_t columns, std::string& out) const;
  bool equals(const Line& other, size_t columns) const;

 private:
  void reach(size_t count);
  void split(size_t column);

  std::vector<Cell> cells_;
  Cell rest_;
};

}  // namespace stele::terminal
