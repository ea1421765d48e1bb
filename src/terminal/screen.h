// What a terminal shows, and the verbs that change it. Knows nothing of bytes: that is emulator.h.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "terminal/grid.h"

namespace stele::terminal {

/// What DECSC saves and DECRC restores, and what paints the next character. Invariant: row and
/// column lie on the screen.
struct Cursor {
  size_t row = 0, column = 0;  // from 0
  bool wrap_pending = false;   // stands on the last column, which is written: the next character
                               // goes to the next row
  bool origin =
      false;  // DECOM: rows count from the top margin, and the cursor stays between the margins
  Style style;
  std::array<bool, 2> graphics{};  // G0, G1 hold the DEC special graphics, not ASCII
  bool shifted = false;            // SO: G1 in use
  bool operator==(const Cursor&) const = default;
};

/// Modes that change what is shown. (Those that change what the terminal sends are the Emulator's.)
struct DisplayModes {
  bool autowrap = true;        // DECAWM
  bool insert = false;         // IRM
  bool reverse = false;        // DECSCNM
  bool cursor_visible = true;  // DECTCEM
  bool cursor_blinks = false;  // ?12
  uint8_t cursor_shape = 0;    // DECSCUSR, 0 to 6
  bool operator==(const DisplayModes&) const = default;
};

/// Is told what is about to go. Called from within the Screen's verbs: must not change the screen.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// A row of the main screen scrolls off its top, or is cleared with the whole screen, or is cut
  /// off by a smaller window.
  virtual void line_leaves(const Line& line, size_t columns) = 0;
  /// A full-screen program's screen is about to give way to the main screen.
  virtual void alternate_leaves(const Grid& grid) = 0;
};

/// Sizes are brought within 1..=kRowsMax rows and 1..=kColumnsMax columns. Memory: at most 24 bytes
/// for each cell of the main screen, and of the alternate one while it is in use: 480 MB at the
/// largest size with every cell written; cells never written take none.
class Screen {
 public:
  Screen(size_t rows, size_t columns);

  size_t rows() const { return main_.rows(); }
  size_t columns() const { return main_.columns(); }
  const Grid& grid() const { return alternate_ ? other_ : main_; }
  const Grid& main_grid() const { return main_; }
  bool is_alternate() const { return alternate_; }
  const Cursor& cursor() const { return cursor_; }
  const Cursor& saved_cursor(bool of_alternate) const { return saved_[of_alternate]; }
  const DisplayModes& modes() const { return modes_; }
  size_t top_margin() const { return top_; }
  size_t bottom_margin() const { return bottom_; }  // the last row within
  bool is_tab_stop(size_t column) const { return tabs_[column] != 0; }
  bool has_default_tabs() const;

  DisplayModes& modes() { return modes_; }
  Style& style() { return cursor_.style; }

  // Characters
  void print_ascii(std::string_view text, Watcher* watcher);
  void print(char32_t c, Watcher* watcher);

  // Movement. Rows and columns from 0; everything is brought onto the screen.
  void move_to(size_t row, size_t column);  // the row from the top margin in origin mode
  void move_to_column(size_t column);
  void up(size_t count);    // not beyond the top margin, if it stands below it
  void down(size_t count);  // nor the bottom margin
  void left(size_t count) { move_to_column(cursor_.column - std::min(count, cursor_.column)); }
  void right(size_t count) { move_to_column(cursor_.column + count); }
  void carriage_return() { move_to_column(0); }
  void line_feed(Watcher* watcher);
  void reverse_line_feed();
  void tab(size_t count);
  void back_tab(size_t count);

  // Erasing and shifting, from the cursor on; `what` as ED and EL count: 0 to the end, 1 from the
  // start, 2 all.
  void erase_display(int what, Watcher* watcher);
  void erase_line(int what);
  void erase_characters(size_t count);
  void insert_characters(size_t count);
  void delete_characters(size_t count);
  void insert_lines(size_t count);
  void delete_lines(size_t count);
  void scroll_up(size_t count, Watcher* watcher);
  void scroll_down(size_t count);
  void fill_with_e();  // DECALN

  // State
  void set_margins(size_t top,
                   size_t bottom);  // nothing happens unless top < bottom; homes the cursor
  void set_origin(bool on);
  void set_autowrap(bool on);
  void set_tab() { tabs_[cursor_.column] = 1; }
  void clear_tab() { tabs_[cursor_.column] = 0; }
  void clear_tabs() { std::fill(tabs_.begin(), tabs_.end(), uint8_t{0}); }
  void default_tabs();
  void set_graphics(size_t set, bool on) { cursor_.graphics[set] = on; }
  void shift(bool on) { cursor_.shifted = on; }
  void save_cursor() { saved_[alternate_] = cursor_; }
  void restore_cursor();
  /// The alternate screen is blank each time it is entered, with no cursor saved; the cursor stays
  /// where it is.
  void set_alternate(bool on, Watcher* watcher);
  void soft_reset();             // DECSTR
  void reset(Watcher* watcher);  // RIS
  /// Keeps what stands where it stands: no reflow. Fewer rows: blank ones below the cursor go
  /// first, then ones at the top (the watcher gets them), then what is below the cursor. Margins go
  /// back to the whole screen.
  void resize(size_t rows, size_t columns, Watcher* watcher);

  /// Same picture now and after any further output.
  bool operator==(const Screen& other) const = default;

 private:
  Grid& active() { return alternate_ ? other_ : main_; }
  Line& current_line() { return active().line(cursor_.row); }
  Cell blank() const;
  size_t next_column() const {
    return cursor_.column + cursor_.wrap_pending;
  }  // columns(): none in this row
  bool at_home() const { return cursor_.row == 0 && next_column() == 0; }
  bool in_margins() const { return cursor_.row >= top_ && cursor_.row <= bottom_; }
  void wrap(Watcher* watcher);
  void put(char32_t c, uint8_t width, Watcher* watcher);
  void advance(size_t columns);
  void combine(char32_t mark);
  void clear_whole(Watcher* watcher);
  void keep_in_bounds(Cursor& cursor) const;
  size_t rows_to_skip(size_t rows) const;
  void report_cut_lines(size_t skip, size_t rows, Watcher* watcher) const;

  Grid main_;
  Grid other_;  // the alternate screen: 1 × 1 while not in use
  bool alternate_ = false;
  Cursor cursor_;
  std::array<Cursor, 2> saved_;  // of the main screen, of the alternate one
  DisplayModes modes_;
  size_t top_ = 0, bottom_;    // margins, inclusive
  std::vector<uint8_t> tabs_;  // one for each column
};

}  // namespace stele::terminal
