// The terminal of the person at the keyboard: ours only while we use it.
#pragma once

#include <optional>

#include "base/result.h"
#include "event/event.h"
#include "os/pty.h"
#include "os/terminal_mode.h"

namespace stele::capture {

/// Two descriptors, each a terminal or not, each possibly closed. While raw, every key comes to us
/// as its bytes. The destructor, like leave_raw(), puts the mode back that was found, unless
/// somebody else has the terminal now (its foreground job has its own mode).
class UserTerminal {
 public:
  UserTerminal(int input, int output);
  ~UserTerminal() { leave_raw(); }
  UserTerminal(const UserTerminal&) = delete;
  UserTerminal& operator=(const UserTerminal&) = delete;

  /// Non-blocking; -1: closed.
  int input() const { return input_.get(); }
  int output() const { return output_.get(); }
  /// Keys come from a person; otherwise from a pipe or a file, which ends.
  bool is_interactive() const { return mode_.has_value(); }
  /// The mode found at the start, for the session's own terminal.
  const std::optional<os::TerminalMode>& mode() const { return mode_; }
  /// Of the first of the two that is a terminal.
  std::optional<os::WindowSize> size() const;

  Status enter_raw();
  void leave_raw();

 private:
  os::NonBlocking input_, output_;
  std::optional<os::TerminalMode> mode_;
  bool is_raw_ = false;
};

}  // namespace stele::capture
