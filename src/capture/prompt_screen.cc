#include "capture/prompt_screen.h"

#include <algorithm>

namespace stele::capture {
namespace {

constexpr size_t kParametersMax = 64;
constexpr char32_t kReplacement = U'\uFFFD';
constexpr char32_t kLine = U'\u2500';  // whatever line drawing is meant

}  // namespace

bool is_mask(char32_t c) {
  return std::u32string_view(U"*#.-_+=xX \u2022\u00B7\u25CF\u25CB\u25E6\u2219\u25AA\u25A0\u2588")
             .find(c) != std::u32string_view::npos;
}

// The blocks of Unicode's EastAsianWidth.txt (W and F) that prompts and names are written in.
size_t columns_of(char32_t c) {
  const auto in = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  if (in(0x300, 0x36F) || in(0x200B, 0x200F) || in(0xFE00, 0xFE0F)) return 0;
  if (in(0x1100, 0x115F) || in(0x2E80, 0xA4CF) || in(0xAC00, 0xD7A3) || in(0xF900, 0xFAFF) ||
      in(0xFE30, 0xFE6F) || in(0xFF00, 0xFF60) || in(0xFFE0, 0xFFE6) || in(0x1F300, 0x1FAFF) ||
      in(0x20000, 0x3FFFD)) {
    return 2;
  }
  return 1;
}

void PromptScreen::resize(size_t rows, size_t columns) {
  const size_t wanted = std::min(rows == 0 ? 24 : rows, kRowsMax);
  column_count_ = std::min(columns == 0 ? 80 : columns, kColumnsMax);
  // A terminal that shrinks drops lines below the cursor first, then scrolls.
  while (rows_.size() > wanted && row_ + 1 < rows_.size()) rows_.pop_back();
  while (rows_.size() > wanted) {
    rows_.erase(rows_.begin());
    --row_;
  }
  while (rows_.size() < wanted) rows_.push_back(new_row());
  row_count_ = wanted;
  top_ = 0;
  bottom_ = row_count_ - 1;
  column_ = std::min(column_, column_count_ - 1);
  saved_row_ = std::min(saved_row_, bottom_);
  wrap_pending_ = false;
}

void PromptScreen::clear() {
  erase_rows(0, row_count_);
  move_to(0, 0);
  state_ = State::kGround;
  utf8_left_ = 0;
  graphics_ = is_alternate_ = false;
  top_ = 0;
  bottom_ = row_count_ - 1;
}

std::u32string PromptScreen::left_of_cursor() const {
  // At the right margin the cursor stands on the last character, not behind it.
  std::u32string text = text_at({rows_[row_].id, 0}, column_ + (wrap_pending_ ? 1 : 0));
  std::erase(text, kWideRest);
  return text;
}

std::u32string PromptScreen::text_above(size_t lines_max) const {
  for (size_t up = 1; up <= lines_max && up <= row_; ++up) {
    std::u32string text = rows_[row_ - up].cells;
    std::erase(text, kWideRest);
    if (text.find_first_not_of(U' ') != std::u32string::npos) return text;
  }
  return {};
}

std::u32string PromptScreen::text_at(Place place, size_t size) const {
  const size_t row = find(place.row_id);
  if (row >= rows_.size()) return {};
  const std::u32string& cells = rows_[row].cells;
  std::u32string text =
      place.column < cells.size() ? cells.substr(place.column, size) : std::u32string();
  text.resize(std::min(size, kColumnsMax), U' ');
  return text;
}

std::u32string PromptScreen::text_from(Place place, uint64_t last_row_id) const {
  size_t row = find(place.row_id);
  const size_t last = find(last_row_id);
  std::u32string text;
  const auto is_full = [&](size_t each) { return rows_[each].cells.size() >= column_count_; };
  for (size_t from = place.column; row < rows_.size() && last < rows_.size(); ++row, from = 0) {
    const std::u32string& cells = rows_[row].cells;
    if (from < cells.size()) text += cells.substr(from);
    if (row >= last && !is_full(row)) break;
    if (!is_full(row)) text += U'\n';
  }
  std::erase(text, kWideRest);
  return text;
}

bool PromptScreen::is_wrapped(uint64_t first_row_id, uint64_t last_row_id) const {
  const size_t last = std::min(find(last_row_id), rows_.size());
  size_t row = find(first_row_id);
  while (row < last && rows_[row].cells.size() >= column_count_) ++row;
  return row == last;
}

size_t PromptScreen::find(uint64_t row_id) const {
  if (rows_[row_].id == row_id) return row_;
  const auto has_id = [row_id](const Row& row) { return row.id == row_id; };
  return static_cast<size_t>(std::find_if(rows_.begin(), rows_.end(), has_id) - rows_.begin());
}

void PromptScreen::watch(Place place) {
  watched_ = place;
  disturbed_ = false;
}

void PromptScreen::disturb(const Row& row, size_t column, bool is_visible) {
  if (row.id == watched_.row_id && (column < watched_.column || is_visible)) disturbed_ = true;
}

void PromptScreen::write(ByteSpan bytes) {
  for (const uint8_t byte : bytes) take(byte);
}

void PromptScreen::take(uint8_t byte) {
  switch (state_) {
    case State::kGround:
      return byte < 0x20 || byte == 0x7F ? control(byte) : take_text(byte);
    case State::kEscape:
      return escape(byte);
    case State::kEscapeSkip:  // the last byte of a three-byte sequence, e.g. ESC ( 0
      if (escape_intermediate_ == '(') graphics_ = byte == '0';
      state_ = State::kGround;
      return;
    case State::kSequence:
      return sequence(byte);
    case State::kString:  // OSC, DCS, APC …: ends with BEL or ST
      if (byte == 0x1B) state_ = State::kStringEscape;
      if (byte == 0x07 || byte == 0x18 || byte == 0x1A) state_ = State::kGround;
      return;
    case State::kStringEscape:
      state_ = State::kGround;
      if (byte != '\\') escape(byte);
      return;
  }
}

void PromptScreen::take_text(uint8_t byte) {
  if (utf8_left_ > 0 && (byte & 0xC0) == 0x80) {
    utf8_ = utf8_ << 6 | (byte & 0x3F);
    if (--utf8_left_ == 0) put(utf8_ <= 0x10FFFF ? utf8_ : kReplacement);
    return;
  }
  utf8_left_ = 0;
  if (byte < 0x80) return put(byte);
  if (byte >= 0xF0 && byte < 0xF8) {
    utf8_left_ = 3;
    utf8_ = byte & 0x07;
  } else if (byte >= 0xE0 && byte < 0xF0) {
    utf8_left_ = 2;
    utf8_ = byte & 0x0F;
  } else if (byte >= 0xC0 && byte < 0xE0) {
    utf8_left_ = 1;
    utf8_ = byte & 0x1F;
  } else {
    put(kReplacement);
  }
}

void PromptScreen::control(uint8_t byte) {
  utf8_left_ = 0;
  switch (byte) {
    case 0x07:
      disturbed_ = true;
      return;
    case 0x08:
      return move_to(row_, column_ > 0 ? column_ - 1 : 0);
    case 0x09:
      return move_to(row_, (column_ / 8 + 1) * 8);
    case 0x0A:
    case 0x0B:
    case 0x0C:
      return line_feed();
    case 0x0D:
      return move_to(row_, 0);
    case 0x0E:
    case 0x0F:
      graphics_ = byte == 0x0E;
      return;
    case 0x1B:
      state_ = State::kEscape;
      return;
    default:
      return;
  }
}

void PromptScreen::escape(uint8_t byte) {
  state_ = State::kGround;
  switch (byte) {
    case '[':
      parameters_.clear();
      state_ = State::kSequence;
      return;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
    case 'k':  // screen and tmux: a window's title
      state_ = State::kString;
      return;
    case '7':
      saved_row_ = row_;
      saved_column_ = column_;
      return;
    case '8':
      return move_to(saved_row_, saved_column_);
    case 'D':
      return line_feed();
    case 'E':
      line_feed();
      return move_to(row_, 0);
    case 'M':
      return reverse_line_feed();
    case 'c':
      return clear();
    case 0x1B:
      state_ = State::kEscape;
      return;
    default:
      if (byte < 0x20) return control(byte);
      if (byte < 0x30) {
        escape_intermediate_ = byte;
        state_ = State::kEscapeSkip;
      }
      return;
  }
}

void PromptScreen::sequence(uint8_t byte) {
  if (byte == 0x1B || byte == 0x18 || byte == 0x1A) {
    state_ = byte == 0x1B ? State::kEscape : State::kGround;
  } else if (byte < 0x20) {
    control(byte);
  } else if (byte < 0x40) {
    if (parameters_.size() < kParametersMax) parameters_.push_back(static_cast<char>(byte));
  } else {
    state_ = State::kGround;
    run_sequence(byte);
  }
}

size_t PromptScreen::parameter(size_t index, size_t fallback) const {
  std::string_view rest = parameters_;
  for (; index > 0; --index) {
    const size_t semicolon = rest.find(';');
    if (semicolon == std::string_view::npos) return fallback;
    rest.remove_prefix(semicolon + 1);
  }
  size_t value = 0;
  for (const char c : rest) {
    if (c < '0' || c > '9') break;
    value = std::min<size_t>(value * 10 + static_cast<size_t>(c - '0'), 65535);
  }
  return value == 0 ? fallback : value;
}

void PromptScreen::run_sequence(uint8_t final) {
  const bool is_private = !parameters_.empty() && parameters_[0] >= 0x3C;
  if (is_private) {
    if (final == 'h' || final == 'l') set_private_mode(final == 'h');
    return;
  }
  const size_t count = parameter(0, 1);
  switch (final) {
    case 'A':
      return move_to(row_ - std::min(row_, count), column_);
    case 'B':
    case 'e':
      return move_to(row_ + count, column_);
    case 'C':
    case 'a':
      return move_to(row_, column_ + count);
    case 'D':
      return move_to(row_, column_ - std::min(column_, count));
    case 'E':
      return move_to(row_ + count, 0);
    case 'F':
      return move_to(row_ - std::min(row_, count), 0);
    case 'G':
    case '`':
      return move_to(row_, count - 1);
    case 'H':
    case 'f':
      return move_to(count - 1, parameter(1, 1) - 1);
    case 'd':
      return move_to(count - 1, column_);
    case 'J':
      if (parameter(0, 0) >= 2) return erase_rows(0, row_count_);
      if (parameter(0, 0) == 1) {
        erase_rows(0, row_);
        return erase_cells(0, column_ + 1);
      }
      erase_rows(row_ + 1, row_count_);
      return erase_cells(column_, kColumnsMax);
    case 'K':
      if (parameter(0, 0) == 0) return erase_cells(column_, kColumnsMax);
      return erase_cells(0, parameter(0, 0) == 1 ? column_ + 1 : kColumnsMax);
    case 'L':
      return row_ >= top_ && row_ <= bottom_ ? scroll_down(row_, count) : void();
    case 'M':
      return row_ >= top_ && row_ <= bottom_ ? scroll_up(row_, count) : void();
    case 'P':
      return delete_cells(count);
    case '@':
      return insert_cells(count);
    case 'X':
      return erase_cells(column_, std::min(column_ + count, kColumnsMax));
    case 'S':
      return scroll_up(top_, count);
    case 'T':
      return scroll_down(top_, count);
    case 'b':
      for (size_t i = 0; i < std::min(count, kColumnsMax); ++i) put_cell(last_);
      return;
    case 'r': {
      top_ = std::min(count - 1, row_count_ - 1);
      bottom_ = std::min(parameter(1, row_count_) - 1, row_count_ - 1);
      if (top_ >= bottom_) {
        top_ = 0;
        bottom_ = row_count_ - 1;
      }
      return move_to(0, 0);
    }
    case 's':
      saved_row_ = row_;
      saved_column_ = column_;
      return;
    case 'u':
      return move_to(saved_row_, saved_column_);
    default:
      return;
  }
}

/// The alternate screen is taken for a cleared one: nobody asks about what stood on the other.
void PromptScreen::set_private_mode(bool on) {
  const std::string_view mode = std::string_view(parameters_).substr(1);
  if (mode != "1049" && mode != "1047" && mode != "47") return;
  is_alternate_ = on;
  if (on) {
    saved_row_ = row_;
    saved_column_ = column_;
  }
  erase_rows(0, row_count_);
  if (!on) move_to(saved_row_, saved_column_);
}

void PromptScreen::put(char32_t c) {
  if (graphics_ && c >= 0x5F && c < 0x7F) c = kLine;
  last_ = c;
  put_cell(c);
}

void PromptScreen::put_cell(char32_t c) {
  const size_t width = columns_of(c);
  if (width == 0) return;
  if (wrap_pending_ || column_ + width > column_count_) {
    wrap_pending_ = false;
    column_ = 0;
    line_feed();
  }
  Row& row = rows_[row_];
  disturb(row, column_, !is_mask(c));
  if (row.cells.size() < column_ + width) row.cells.resize(column_ + width, U' ');
  row.cells[column_] = c;
  if (width == 2) row.cells[column_ + 1] = kWideRest;
  if (column_ + width >= column_count_) {
    wrap_pending_ = true;
    column_ = column_count_ - 1;
  } else {
    column_ += width;
  }
}

void PromptScreen::line_feed() {
  wrap_pending_ = false;
  if (row_ == bottom_) return scroll_up(top_, 1);
  if (row_ + 1 < row_count_) ++row_;
}

void PromptScreen::reverse_line_feed() {
  wrap_pending_ = false;
  if (row_ == top_) return scroll_down(top_, 1);
  if (row_ > 0) --row_;
}

/// Rows first…bottom_ move up by `count`; empty ones come in below.
void PromptScreen::scroll_up(size_t first, size_t count) {
  count = std::min(count, bottom_ + 1 - first);
  const auto at = [this](size_t row) { return rows_.begin() + static_cast<ptrdiff_t>(row); };
  for (size_t row = first; row < first + count; ++row) disturb(rows_[row], 0, true);
  std::rotate(at(first), at(first + count), at(bottom_ + 1));
  for (size_t row = bottom_ + 1 - count; row <= bottom_; ++row) rows_[row] = new_row();
}

void PromptScreen::scroll_down(size_t first, size_t count) {
  count = std::min(count, bottom_ + 1 - first);
  const auto at = [this](size_t row) { return rows_.begin() + static_cast<ptrdiff_t>(row); };
  for (size_t row = bottom_ + 1 - count; row <= bottom_; ++row) disturb(rows_[row], 0, true);
  std::rotate(at(first), at(bottom_ + 1 - count), at(bottom_ + 1));
  for (size_t row = first; row < first + count; ++row) rows_[row] = new_row();
}

void PromptScreen::erase_cells(size_t from, size_t to) {
  Row& row = rows_[row_];
  disturb(row, from, false);
  if (to >= row.cells.size()) return row.cells.resize(std::min(from, row.cells.size()), U' ');
  std::fill(row.cells.begin() + static_cast<ptrdiff_t>(from),
            row.cells.begin() + static_cast<ptrdiff_t>(to), U' ');
}

void PromptScreen::erase_rows(size_t from, size_t to) {
  for (size_t row = from; row < to; ++row) {
    disturb(rows_[row], 0, true);
    rows_[row] = new_row();
  }
}

void PromptScreen::insert_cells(size_t count) {
  Row& row = rows_[row_];
  disturb(row, column_, true);
  if (column_ >= row.cells.size()) return;
  row.cells.insert(column_, std::min(count, column_count_), U' ');
  if (row.cells.size() > column_count_) row.cells.resize(column_count_);
}

void PromptScreen::delete_cells(size_t count) {
  Row& row = rows_[row_];
  disturb(row, column_, true);
  if (column_ < row.cells.size()) row.cells.erase(column_, count);
}

void PromptScreen::move_to(size_t row, size_t column) {
  row_ = std::min(row, row_count_ - 1);
  column_ = std::min(column, column_count_ - 1);
  wrap_pending_ = false;
}

}  // namespace stele::capture
