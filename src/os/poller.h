// Waiting on the same few descriptors again and again.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "os/fd.h"
#include "os/pty.h"

namespace stele::os {

/// Does what wait_until_ready() does, for a set whose places keep their descriptors, and tells the
/// kernel only what changed. poll(2) asks each terminal anew, and asking one waits for the kernel's
/// work on what was written to it. Not thread-safe.
class Poller {
 public:
  static Result<Poller> make();

  /// As wait_until_ready(). A descriptor is to be closed only after it left the set.
  void wait(std::span<Readiness> set, std::optional<Micros> timeout);

 private:
  // What the kernel was told of a place in the set.
  struct Place {
    int fd = -1;
    uint32_t events = 0;
    bool always_ready = false;  // a file: nothing to wait for
  };

  explicit Poller(Fd epoll) : epoll_(std::move(epoll)) {}
  void tell(uint32_t index, const Readiness& wanted);

  Fd epoll_;
  std::array<Place, kReadinessMax> places_{};
};

}  // namespace stele::os
