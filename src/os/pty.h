// A pseudo-terminal, and bytes through terminals and pipes without ever being stuck in one.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "os/fd.h"
#include "os/terminal_mode.h"

namespace stele::os {

struct Pty {
  Fd master;         // non-blocking
  Fd slave;          // not the controlling terminal of anybody yet
  std::string name;  // of the slave, e.g. /dev/pts/7
};

/// A new pseudo-terminal with the given mode and size; without a mode, with the kernel's defaults.
/// Both descriptors are close-on-exec.
Result<Pty> open_pty(const std::optional<TerminalMode>& mode, const WindowSize& size);

/// Sends a signal to whoever is in the foreground on the pty of this master, as its terminal's keys
/// would.
Status signal_foreground(int master, int signal);

/// Whether a program has not yet read all that was sent to this slave.
bool has_unread_input(int slave);

/// What one read or write came to. Never an Error: at this door trouble is ordinary.
struct Transfer {
  size_t bytes = 0;
  int sys_errno = 0;

  /// Not now: wait until it is ready.
  bool is_blocked() const;
  /// The other side is gone: nothing will move here again.
  bool is_closed() const { return bytes == 0 && !is_blocked(); }
};
Transfer read_some(int fd, MutableByteSpan out);
Transfer write_some(int fd, ByteSpan bytes);

/// A non-blocking way to somebody else's descriptor. O_NONBLOCK belongs to the open file, which the
/// user's shell shares: so a terminal or pipe is opened again where that is allowed, and only
/// otherwise is the flag set, and taken back by the destructor. Files are left as they are.
class NonBlocking {
 public:
  /// fd -1: nowhere.
  explicit NonBlocking(int fd);
  ~NonBlocking();
  NonBlocking(const NonBlocking&) = delete;
  NonBlocking& operator=(const NonBlocking&) = delete;

  int get() const { return own_ ? own_.get() : fd_; }

 private:
  int fd_;
  Fd own_;
  bool flag_is_ours_ = false;
};

bool is_open(int fd);

/// What to wait for on one descriptor (-1: nothing), and what came of it. An error or a hang-up
/// counts as readable.
struct Readiness {
  int fd = -1;
  bool want_read = false, want_write = false;
  bool can_read = false, can_write = false;
};
inline constexpr size_t kReadinessMax = 8;
/// Waits until one of at most kReadinessMax is ready, a signal came, or the time is over (none:
/// for ever).
void wait_until_ready(std::span<Readiness> set, std::optional<Micros> timeout);

}  // namespace stele::os
