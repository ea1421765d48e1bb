#include "capture/user_terminal.h"

namespace stele::capture {
namespace {

/// A closed descriptor's number may come to name something of ours.
int if_open(int fd) { return os::is_open(fd) ? fd : -1; }

}  // namespace

UserTerminal::UserTerminal(int input, int output)
    : input_(if_open(input)), output_(if_open(output)) {
  if (input_.get() < 0) return;
  if (auto mode = os::terminal_mode(input_.get())) mode_ = *mode;
}

std::optional<os::WindowSize> UserTerminal::size() const {
  for (const int fd : {input_.get(), output_.get()}) {
    if (fd < 0) continue;
    if (const auto size = os::window_size(fd)) return *size;
  }
  return std::nullopt;
}

Status UserTerminal::enter_raw() {
  if (!mode_) return {};
  TRY_VOID(os::set_terminal_mode(input_.get(), mode_->raw()));
  is_raw_ = true;
  return {};
}

void UserTerminal::leave_raw() {
  if (!is_raw_) return;
  is_raw_ = false;
  // If this fails the terminal is gone, and its mode with it.
  if (os::in_foreground(input_.get())) (void)os::set_terminal_mode(input_.get(), *mode_);
}

}  // namespace stele::capture
