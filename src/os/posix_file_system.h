// The real disk, through Linux.
#pragma once

#include "os/file_system.h"

namespace stele::os {

/// Linux's file systems behind the contract of FileSystem. Has no state: threads may share one.
///
/// - Verbs that write refuse a symbolic link as the last part of a path (replace() takes its
/// place).
///   Only regular files are opened: a pipe or device in a directory somebody else filled cannot
///   stop a reader.
/// - A directory is synced through a descriptor that was open before its names changed: an error of
///   write-back meant for it cannot be lost with an evicted inode.
/// - Files are made with mode 0600 and directories with 0700, less the umask.
class PosixFileSystem : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open_read(const std::string& path) override;
  Result<std::unique_ptr<File>> open_append(const std::string& path) override;
  Result<std::unique_ptr<File>> create_append(const std::string& path) override;

  Result<Bytes> read(const std::string& path, size_t bytes_max) override;
  Status put_once(const std::string& path, ByteSpan bytes) override;
  Status replace(const std::string& path, ByteSpan bytes) override;
  Status replace_lazily(const std::string& path, ByteSpan bytes) override;
  Status remove(const std::string& path) override;
  Status make_directories(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  bool exists(const std::string& path) override;

  Result<std::unique_ptr<Lock>> lock(const std::string& path, Wait wait) override;
  Result<std::unique_ptr<SharedWords>> share(const std::string& path) override;

  Status protect(const std::string& path, Protection protection) override;
  Result<Protection> protection(const std::string& path) override;
  Result<std::optional<std::string>> verity(const std::string& path) override;
};

}  // namespace stele::os
