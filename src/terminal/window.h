// A Screen drawn on a terminal of any other size: what the player writes when the viewer's terminal
// is not the session's.
#pragma once

#include <string>
#include <vector>

#include "terminal/screen.h"

namespace stele::terminal {

/// Shows the screen's top left corner; where the viewer's terminal is smaller, the part around the
/// cursor. Draws only the rows that have changed.
class Window {
 public:
  /// The viewer's size, 1 × 1 at least. What the viewer's terminal shows is not known then, nor
  /// after the next resize(): the next draw() clears it first.
  Window(size_t rows, size_t columns) { resize(rows, columns); }
  void resize(size_t rows, size_t columns);

  /// Appends what makes the viewer's terminal show the screen, given that all else written to it
  /// since the draw before was rows this window does not use (see free_row()). Passes a Neutraliser
  /// unchanged.
  void draw(const Screen& screen, std::string& out);

  size_t rows() const { return rows_; }
  size_t columns() const { return columns_; }
  /// The row behind those that `screen` takes; rows(): there is none.
  size_t free_row(const Screen& screen) const { return std::min(rows_, screen.rows()); }

 private:
  void follow(const Screen& screen);
  std::string row(const Screen& screen, size_t row) const;

  size_t rows_ = 1, columns_ = 1;
  size_t top_ = 0, left_ = 0;  // what of the screen is at the window's top left
  std::vector<std::string> drawn_;
  bool is_known_ = false, is_reverse_ = false;
};

}  // namespace stele::terminal
