// A small screen that knows what stands on the cursor's line: enough of a terminal to tell a prompt
// and an echo, not to draw. Hostile bytes can mislead it; they cannot grow it or stop it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace stele::capture {

/// Follows ECMA-48 and the xterm sequences that move the cursor or change text; ignores the rest.
/// A row keeps its identity while it scrolls, and gets a new one when it is cleared as a whole.
class PromptScreen {
 public:
  static constexpr size_t kRowsMax = 512, kColumnsMax = 1024;

  /// A place that stays with its text. No row ever has id 0.
  struct Place {
    uint64_t row_id = 0;
    size_t column = 0;
    bool operator==(const Place&) const = default;
  };

  PromptScreen(size_t rows, size_t columns) { resize(rows, columns); }

  /// Sizes of 0 stand for 24 × 80; larger ones than the limits are followed up to them.
  void resize(size_t rows, size_t columns);
  void write(ByteSpan bytes);
  /// Forgets all: what follows does not continue what came before.
  void clear();

  Place cursor() const { return {rows_[row_].id, column_}; }
  /// The cursor's line up to the cursor; blanks are U+0020.
  std::u32string left_of_cursor() const;
  /// The nearest line above the cursor that has any text, at most `lines_max` up; or nothing.
  std::u32string text_above(size_t lines_max) const;
  /// `size` cells from a place on; nothing if its row is gone. A wide character's second cell is
  /// kWideRest.
  std::u32string text_at(Place place, size_t size) const;
  bool has_row(uint64_t row_id) const { return find(row_id) < rows_.size(); }
  /// From a place to the end of a later row, and of those below it that it is wrapped onto; between
  /// rows that are not wrapped stands a newline. Nothing if a row is gone. Without kWideRest.
  std::u32string text_from(Place place, uint64_t last_row_id) const;
  /// Whether a line goes on from one row to the other, over full ones.
  bool is_wrapped(uint64_t first_row_id, uint64_t last_row_id) const;
  /// A program that draws the whole screen has it.
  bool is_alternate() const { return is_alternate_; }

  /// From now on, watches a place at which something is typed.
  void watch(Place place);
  /// Whether, since watch(), something happened at that line other than what a hidden entry may
  /// show: mask characters or blanks from the watched column on. A bell counts.
  bool is_disturbed() const { return disturbed_; }

 private:
  struct Row {
    uint64_t id;
    std::u32string cells;
  };
  enum class State { kGround, kEscape, kEscapeSkip, kSequence, kString, kStringEscape };

  size_t find(uint64_t row_id) const;
  Row new_row() { return {next_id_++, {}}; }
  void take(uint8_t byte);
  void take_text(uint8_t byte);
  void control(uint8_t byte);
  void escape(uint8_t byte);
  void sequence(uint8_t byte);
  void run_sequence(uint8_t final);
  void set_private_mode(bool on);
  size_t parameter(size_t index, size_t fallback) const;

  void put(char32_t c);
  void put_cell(char32_t c);
  void line_feed();
  void reverse_line_feed();
  void scroll_up(size_t first, size_t count);
  void scroll_down(size_t first, size_t count);
  void erase_cells(size_t from, size_t to);
  void erase_rows(size_t from, size_t to);
  void insert_cells(size_t count);
  void delete_cells(size_t count);
  void move_to(size_t row, size_t column);
  void disturb(const Row& row, size_t column, bool is_visible);

  size_t row_count_ = 0, column_count_ = 0;
  std::vector<Row> rows_;
  uint64_t next_id_ = 1;
  size_t row_ = 0, column_ = 0;
  bool wrap_pending_ = false;
  size_t top_ = 0, bottom_ = 0;  // scrolling region, both inclusive
  size_t saved_row_ = 0, saved_column_ = 0;
  bool graphics_ = false;  // DEC line drawing: letters are lines
  bool is_alternate_ = false;
  char32_t last_ = U' ';  // for REP

  State state_ = State::kGround;
  std::string parameters_;  // of the sequence being read, bounded
  char32_t utf8_ = 0;       // of the character being read
  size_t utf8_left_ = 0;
  uint8_t escape_intermediate_ = 0;

  Place watched_;
  bool disturbed_ = false;
};

/// What stands in the second column of a wide character.
inline constexpr char32_t kWideRest = U'\0';

/// Characters that programs show in place of a secret: evidence of nothing.
bool is_mask(char32_t c);
/// How many columns a character takes: 0, 1 or 2.
size_t columns_of(char32_t c);

}  // namespace stele::capture
