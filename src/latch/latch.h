// The latch: makes volumes append-only and immutable, for a server that may not, and takes nothing
// back (docs/vault.md, "The latch").
#pragma once

#include <functional>
#include <string>

#include "os/fd.h"
#include "os/unix_socket.h"
#include "wire/latch.h"

namespace stele::latch {

/// One thread.
class Latch {
 public:
  /// Of the volumes that lie in a directory.
  static Result<Latch> open(const std::string& directory);

  /// Does what one request asks for. `why`: of kFailed.
  wire::LatchAnswer set(const wire::LatchRequest& request, std::string& why) const;

 private:
  explicit Latch(os::Fd directory) : directory_(std::move(directory)) {}
  os::Fd directory_;
};

/// Answers who waits at the listener, if it is of this process's own user; errors are for the
/// journal.
void answer_waiting(const Latch& latch, os::PacketListener& listener,
                    const std::function<void(const std::string&)>& tell);

}  // namespace stele::latch
