// A file that only takes up room, so that there is some to give when the disk is full.
#pragma once

#include "os/file_system.h"

namespace stele::spool {

class Ballast {
 public:
  Ballast(os::FileSystem& files, std::string path, uint64_t bytes)
      : files_(files), path_(std::move(path)), bytes_(bytes) {}

  /// Makes the file, or what is missing of it. kNoSpace: there is no room for it now.
  Status fill();
  /// Gives its room to the disk; false if there was none to give.
  bool release();

 private:
  os::FileSystem& files_;
  const std::string path_;
  const uint64_t bytes_;
};

}  // namespace stele::spool
