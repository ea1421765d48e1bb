// Any bytes, any sizes: the screen keeps its invariants and the emulator its bounds.
#include <algorithm>

#include "base/check.h"
#include "base/fuzz.h"
#include "terminal/emulator.h"
#include "terminal/width.h"

namespace stele::terminal {
namespace {

void check_cell(const Line& line, size_t column, size_t columns) {
  const Cell& cell = line.at(column);
  CHECK(cell.base < 0x110000 && cell.width <= 2);
  if (cell.width == 0) {
    CHECK(column > 0 && line.at(column - 1).width == 2);
    CHECK(cell.base == U' ' && cell.marks == 0 && cell.style == line.at(column - 1).style);
  } else {
    CHECK(column_width(cell.base) == cell.width);
  }
  if (cell.width == 2) CHECK(column + 1 < columns && line.at(column + 1).width == 0);
}

void check_grid(const Grid& grid) {
  for (size_t row = 0; row < grid.rows(); ++row) {
    const Line& line = grid.line(row);
    CHECK(line.size() <= grid.columns());
    CHECK(line.rest().width == 1);
    for (size_t column = 0; column < line.size(); ++column)
      check_cell(line, column, grid.columns());
  }
}

void check_cursor(const Screen& screen, const Cursor& cursor) {
  CHECK(cursor.row < screen.rows() && cursor.column < screen.columns());
  CHECK(!cursor.wrap_pending || cursor.column + 1 == screen.columns());
}

void check_screen(const Screen& screen) {
  check_grid(screen.main_grid());
  check_grid(screen.grid());
  CHECK(screen.grid().rows() == screen.rows() && screen.grid().columns() == screen.columns());
  const Cursor& cursor = screen.cursor();
  check_cursor(screen, cursor);
  check_cursor(screen, screen.saved_cursor(false));
  check_cursor(screen, screen.saved_cursor(true));
  CHECK(screen.top_margin() <= screen.bottom_margin() && screen.bottom_margin() < screen.rows());
  CHECK(!cursor.origin ||
        (cursor.row >= screen.top_margin() && cursor.row <= screen.bottom_margin()));
}

}  // namespace
}  // namespace stele::terminal

// 0xff never occurs in UTF-8: here it stands for a resize, and the two bytes behind it for the
// size.
STELE_FUZZ(terminal_emulator, input) {
  using namespace stele::terminal;
  Emulator whole(6, 20), split(6, 20);
  while (!input.empty()) {
    const auto cut =
        static_cast<size_t>(std::find(input.begin(), input.end(), 0xff) - input.begin());
    whole.write(input.first(cut));
    for (size_t i = 0; i < cut; ++i) split.write(input.subspan(i, 1));
    input = input.subspan(cut);
    if (input.size() >= 3) {
      const size_t rows = input[1] == 0xfe ? 1000000 : input[1] % 32,
                   columns = input[2] == 0xfe ? 1000000 : input[2] % 64;
      whole.resize(rows, columns);
      split.resize(rows, columns);
    }
    input = input.subspan(std::min<size_t>(input.size(), 3));
    check_screen(whole.screen());
  }
  CHECK(whole.screen() == split.screen());
}
