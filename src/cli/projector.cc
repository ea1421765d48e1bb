#include "cli/projector.h"

#include "terminal/neutralise.h"
#include "terminal/paint.h"

namespace stele::cli {
namespace {

using terminal::kRestoreTerminal;

// What only --raw lets through. First the end of any sequence or string under way, UTF-8, and keys
// as they are: cursor keys, keypad, mouse, focus, paste, kitty's and xterm's encodings.
constexpr std::string_view kRestoreKeys =
    "\x18\x1b\\\x1b%G\x1b[?1l\x1b>\x1b[?9;1000;1001;1002;1003;1004;1005;1006;1015;1016;2004;2026l"
    "\x1b[4;20l\x1b[<9u\x1b[>4m";

std::string move_to(size_t row) { return "\x1b[" + std::to_string(row + 1) + ";1H"; }

size_t used_rows(const terminal::Grid& grid) {
  size_t rows = grid.rows();
  while (rows > 0 && grid.line(rows - 1).is_blank(grid.columns())) --rows;
  return rows;
}

}  // namespace

bool Projector::passes(const Player& player) const {
  if (raw_ || !viewer_.is_screen()) return true;
  const auto size = viewer_.size();
  return !size ||
         (size->rows == player.screen().rows() && size->columns == player.screen().columns());
}

void Projector::begin(const Player& player) {
  if (!viewer_.is_screen()) return;
  const auto size = viewer_.size();
  const size_t rows = size ? size->rows : player.screen().rows();
  viewer_.write(std::string(kRestoreTerminal) + move_to(rows - 1) + std::string(rows, '\n'));
  show_anew(player);
}

void Projector::show_anew(const Player& player) {
  passing_ = passes(player);
  changed_ = !passing_;
  if (passing_) return viewer_.write(terminal::paint(player.screen()));
  const auto size = viewer_.size();
  window_.resize(size->rows, size->columns);
  status_.clear();
}

void Projector::show(const Player& player, const Moment& moment) {
  if (moment.size && viewer_.is_screen() && !raw_) return show_anew(player);
  if (passing_)
    return viewer_.write(as_text(raw_ ? ByteSpan(moment.output) : player.harmless_output()));
  changed_ = true;
}

std::string Projector::status_line(const Player& player, const std::string& text,
                                   bool or_last) const {
  const auto size = viewer_.size();
  size_t row = passing_ ? player.screen().rows() : window_.free_row(player.screen());
  const size_t rows = passing_ ? row : window_.rows();
  if (row >= rows && !or_last) return "";
  row = std::min(row, rows - 1);
  const size_t columns = size ? size->columns : player.screen().columns();
  return move_to(row) + "\x1b[0;7m" + text.substr(0, columns - 1) + "\x1b[0m\x1b[K";
}

void Projector::flush(const Player& player, const std::string& status) {
  if (passing_ || (!changed_ && status == status_)) return;
  std::string out;
  window_.draw(player.screen(), out);
  if (viewer_.has_keys())
    (out +=
     "\x1b"
     "7") += status_line(player, status, false) +
             "\x1b"
             "8";
  viewer_.write(out);
  status_ = status;
  changed_ = false;
}

void Projector::ask(const Player& player, const std::string& text) {
  viewer_.write(status_line(player, text, true));
}

std::string Projector::farewell(const Player& player) const {
  if (!viewer_.is_screen()) return "";
  std::string out(raw_ ? kRestoreKeys : std::string_view());
  out += kRestoreTerminal;
  const terminal::Screen& screen = player.screen();
  const size_t used = used_rows(passing_ ? screen.main_grid() : screen.grid());
  const size_t rows = passing_ ? screen.rows() : window_.rows();
  if (!passing_ && window_.free_row(screen) < rows)
    out += move_to(window_.free_row(screen)) + "\x1b[K";
  return out + move_to(std::min(std::max<size_t>(used, 1), rows) - 1) + "\r\n";
}

}  // namespace stele::cli
