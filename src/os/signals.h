// Signals as something to wait for, like any descriptor.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "base/result.h"

namespace stele::os {

/// Signals that came since the last look.
class SignalSet {
 public:
  explicit SignalSet(uint64_t bits = 0) : bits_(bits) {}
  bool has(int signal) const { return (bits_ >> signal & 1) != 0; }
  SignalSet without(int signal) const { return SignalSet(bits_ & ~(uint64_t{1} << signal)); }

 private:
  uint64_t bits_;
};

/// While it lives, its signals (1…63) are caught, on whichever thread they arrive, and make fd()
/// readable. A signal that was ignored when it was made stays ignored (nohup means it), except
/// those of `always`. The destructor puts the old handling back. At most one at a time.
class SignalWatch {
 public:
  static Result<SignalWatch> make(std::initializer_list<int> signals,
                                  std::initializer_list<int> always);
  SignalWatch(SignalWatch&& other) noexcept
      : caught_(std::move(other.caught_)), is_ours_(std::exchange(other.is_ours_, false)) {}
  SignalWatch& operator=(SignalWatch&&) = delete;
  ~SignalWatch();

  int fd() const;
  /// Waits until a signal has come, for so long at most.
  void wait(std::chrono::milliseconds longest) const;
  /// What came; nothing twice.
  SignalSet take();
  /// Stops this process as SIGTSTP does by default (not at all in an orphaned process group) and
  /// returns when it is continued.
  void stop_self();

 private:
  SignalWatch() = default;
  struct Caught {
    int signal;
    struct sigaction before;
  };
  std::vector<Caught> caught_;
  bool is_ours_ = false;  // false once moved from
};

/// Ends this process by that signal, as if it had come from elsewhere, without a core. Returns
/// where it does not end a process.
void die_of(int signal);

/// Writing to a closed pipe is an error to handle, not a reason to die (SIGPIPE ignored, for good).
void ignore_broken_pipes();

}  // namespace stele::os
