// The server's side of the latch.
#pragma once

#include <string>

#include "os/posix_file_system.h"

namespace stele::latch {

/// The real disk, on which volumes are protected by stele-latch where one answers at `socket`;
/// elsewhere, and everything else, by this process, as far as it may. Threads may share one.
class LatchedFiles : public os::PosixFileSystem {
 public:
  explicit LatchedFiles(std::string socket) : socket_(std::move(socket)) {}

  /// What is to be immutable is so soon, and nobody waits for it: fs-verity reads all of it.
  Status protect(const std::string& path, os::Protection protection) override;

 private:
  const std::string socket_;
};

}  // namespace stele::latch
