#include "terminal/text.h"

#include <algorithm>
#include <utility>

namespace stele::terminal {
namespace {

size_t used_rows(const Grid& grid) {
  size_t end = grid.rows();
  while (end > 0 && grid.line(end - 1).is_blank(grid.columns())) --end;
  return end;
}

}  // namespace

Transcript::Transcript(size_t rows, size_t columns, Sink sink)
    : sink_(std::move(sink)), emulator_(rows, columns, this) {}

void Transcript::write(ByteSpan bytes) {
  credit_ += kGrowthMax * bytes.size();
  emulator_.write(bytes);
}

void Transcript::finish() {
  const Screen& screen = emulator_.screen();
  if (screen.is_alternate()) alternate_leaves(screen.grid());
  const size_t end = used_rows(screen.main_grid());
  for (size_t row = 0; row < end; ++row)
    line_leaves(screen.main_grid().line(row), screen.columns());
  while (!held_.empty()) release_oldest();
  tell_withheld();
}

// False: there is no credit left for it.
bool Transcript::render(const Line& line, size_t columns, std::string& text) {
  if (credit_ > 0) {
    text.clear();
    line.append_text(columns, text);
    const bool affordable = text.size() < credit_;
    credit_ -= affordable ? text.size() + 1 : credit_;
    if (affordable) return true;
  }
  ++withheld_;
  return false;
}

void Transcript::tell_withheld() {
  if (withheld_ == 0) return;
  sink_("─── " + std::to_string(std::exchange(withheld_, 0)) +
        " lines withheld: shown again and again by few bytes ───");
}

void Transcript::line_leaves(const Line& line, size_t columns) {
  while (!held_.empty() && held_.front().before_line <= line_count_) release_oldest();
  ++line_count_;
  if (!render(line, columns, text_)) return;
  tell_withheld();
  sink_(text_);
}

void Transcript::alternate_leaves(const Grid& grid) {
  Held held;
  // DECSC and mode 1049 save the main screen's cursor where the program began. Held in order,
  // whatever was saved.
  held.before_line = line_count_ + emulator_.screen().saved_cursor(false).row;
  if (!held_.empty()) held.before_line = std::max(held.before_line, held_.back().before_line);
  const size_t end = used_rows(grid);
  for (size_t row = 0; row < end; ++row) {
    if (!render(grid.line(row), grid.columns(), text_)) continue;
    held.size += text_.size();
    held.lines.push_back(text_);
  }
  if (held.lines.empty()) return;
  held_size_ += held.size;
  held_.push_back(std::move(held));
  while (held_.size() > kHeldCountMax || (held_size_ > kHeldSizeMax && !held_.empty()))
    release_oldest();
}

void Transcript::release_oldest() {
  const Held held = std::move(held_.front());
  held_.pop_front();
  held_size_ -= held.size;
  tell_withheld();
  sink_(kScreenBegin);
  for (const std::string& line : held.lines) sink_(line);
  sink_(kScreenEnd);
}

}  // namespace stele::terminal
