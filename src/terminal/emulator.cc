#include "terminal/emulator.h"

#include <algorithm>

#include "terminal/sgr.h"
#include "terminal/width.h"

namespace stele::terminal {

void Emulator::print_ascii(std::string_view text) {
  screen_.print_ascii(text, watcher_);
  last_ = static_cast<unsigned char>(text.back());
}

void Emulator::print(char32_t c) {
  screen_.print(c, watcher_);
  if (column_width(c) > 0) last_ = c;
}

void Emulator::execute(uint8_t control) {
  switch (control) {
    case '\b':
      return screen_.left(1);
    case '\t':
      return screen_.tab(1);
    case '\n':
    case '\v':
    case '\f':
      screen_.line_feed(watcher_);
      if (newline_) screen_.carriage_return();
      return;
    case '\r':
      return screen_.carriage_return();
    case 0x0e:
      return screen_.shift(true);
    case 0x0f:
      return screen_.shift(false);
    default:
      return;
  }
}

void Emulator::escape(const Escape& e) {
  if (e.has_intermediates("(") || e.has_intermediates(")")) {
    return screen_.set_graphics(e.intermediates[0] == ')', e.final == '0');
  }
  if (e.is("#", '8')) return screen_.fill_with_e();
  if (e.intermediate_count > 0) return;
  switch (e.final) {
    case '7':
      return screen_.save_cursor();
    case '8':
      return screen_.restore_cursor();
    case 'D':
      return screen_.line_feed(watcher_);
    case 'E':
      screen_.carriage_return();
      return screen_.line_feed(watcher_);
    case 'H':
      return screen_.set_tab();
    case 'M':
      return screen_.reverse_line_feed();
    case 'c':
      screen_.reset(watcher_);
      newline_ = false;
      return;
    default:
      return;
  }
}

void Emulator::control(const Csi& csi) {
  if (csi.colons != 0 && csi.final != 'm') return;
  if (csi.intermediate_count > 0) return control_with_intermediates(csi);
  if (csi.prefix == '?') {
    switch (csi.final) {
      case 'h':
      case 'l':
        return set_private_modes(csi, csi.final == 'h');
      // DECSED and DECSEL: no cell is ever protected.
      case 'J':
        return screen_.erase_display(csi.value(0, 0), watcher_);
      case 'K':
        return screen_.erase_line(csi.value(0, 0));
      case 'W':
        if (csi.count == 1 && csi.value(0, 0) == 5) screen_.default_tabs();
        return;  // DECST8C
      default:
        return;
    }
  }
  if (csi.prefix == 0 && !edit(csi)) move(csi);
}

void Emulator::control_with_intermediates(const Csi& csi) {
  if (csi.prefix != 0) return;
  if (csi.is("!", 'p')) {
    screen_.soft_reset();
  } else if (csi.is(" ", 'q') && csi.value(0, 0) <= 6) {
    screen_.modes().cursor_shape = static_cast<uint8_t>(csi.value(0, 0));
  }
}

// What moves the cursor. Positions on the wire count from 1.
void Emulator::move(const Csi& csi) {
  const size_t n = csi.repeat();
  switch (csi.final) {
    case 'A':
      return screen_.up(n);
    case 'B':
    case 'e':
      return screen_.down(n);
    case 'C':
    case 'a':
      return screen_.right(n);
    case 'D':
      return screen_.left(n);
    case 'E':
      screen_.carriage_return();
      return screen_.down(n);
    case 'F':
      screen_.carriage_return();
      return screen_.up(n);
    case 'G':
    case '`':
      return screen_.move_to_column(n - 1);
    case 'H':
    case 'f':
      return screen_.move_to(n - 1, csi.repeat(1) - 1);
    case 'I':
      return screen_.tab(n);
    case 'Z':
      return screen_.back_tab(n);
    case 'd': {
      const size_t column = screen_.cursor().column;
      return screen_.move_to(n - 1, column);
    }
    case 's':
      if (csi.count == 0) screen_.save_cursor();
      return;
    case 'u':
      if (csi.count == 0) screen_.restore_cursor();
      return;
    default:
      return;
  }
}

// What changes cells, tabs, margins or modes; false: none of these.
bool Emulator::edit(const Csi& csi) {
  const size_t n = csi.repeat();
  switch (csi.final) {
    case '@':
      screen_.insert_characters(n);
      return true;
    case 'J':
      screen_.erase_display(csi.value(0, 0), watcher_);
      return true;
    case 'K':
      screen_.erase_line(csi.value(0, 0));
      return true;
    case 'L':
      screen_.insert_lines(n);
      return true;
    case 'M':
      screen_.delete_lines(n);
      return true;
    case 'P':
      screen_.delete_characters(n);
      return true;
    case 'S':
      screen_.scroll_up(n, watcher_);
      return true;
    case 'T':
      if (csi.count <= 1) screen_.scroll_down(n);
      return true;  // with more it is mouse highlighting
    case 'X':
      screen_.erase_characters(n);
      return true;
    case 'b':
      repeat_last(n);
      return true;
    case 'g':
      clear_tabs(csi.value(0, 0));
      return true;
    case 'h':
    case 'l':
      set_modes(csi, csi.final == 'h');
      return true;
    case 'm':
      apply_sgr(csi, screen_.style());
      return true;
    case 'r': {
      const size_t bottom = static_cast<size_t>(csi.value(1, 0));
      screen_.set_margins(n - 1, bottom == 0 ? screen_.rows() - 1 : bottom - 1);
      return true;
    }
    default:
      return false;
  }
}

// As tmux and VTE: no further than the end of the row, so that a few bytes cannot print thousands.
void Emulator::repeat_last(size_t count) {
  if (last_ == 0) return;
  const Cursor& cursor = screen_.cursor();
  const size_t room = cursor.wrap_pending ? 0 : screen_.columns() - cursor.column;
  for (count = std::min(count, room); count > 0; --count) screen_.print(last_, watcher_);
}

void Emulator::clear_tabs(int what) {
  if (what == 0) screen_.clear_tab();
  if (what == 3) screen_.clear_tabs();
}

void Emulator::set_modes(const Csi& csi, bool on) {
  for (size_t i = 0; i < csi.count; ++i) {
    if (csi.value(i, 0) == 4) screen_.modes().insert = on;
    if (csi.value(i, 0) == 20) newline_ = on;
  }
}

void Emulator::set_private_modes(const Csi& csi, bool on) {
  for (size_t i = 0; i < csi.count; ++i) set_private_mode(csi.value(i, 0), on);
}

void Emulator::set_private_mode(int mode, bool on) {
  switch (mode) {
    case 5:
      screen_.modes().reverse = on;
      return;
    case 6:
      return screen_.set_origin(on);
    case 7:
      return screen_.set_autowrap(on);
    case 12:
      screen_.modes().cursor_blinks = on;
      return;
    case 25:
      screen_.modes().cursor_visible = on;
      return;
    case 47:
    case 1047:
      return screen_.set_alternate(on, watcher_);
    case 1048:
      return on ? screen_.save_cursor() : screen_.restore_cursor();
    case 1049:
      if (on && !screen_.is_alternate()) screen_.save_cursor();
      screen_.set_alternate(on, watcher_);
      if (!on) screen_.restore_cursor();
      return;
    default:
      return;
  }
}

}  // namespace stele::terminal
