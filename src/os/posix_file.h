// Open files, and the few ways PosixFileSystem opens and fills them.
#pragma once

#include <sys/types.h>

#include <memory>

#include "os/fd.h"
#include "os/file_system.h"

namespace stele::os {

/// Opens a regular file; anything else is kInvalid and does not block (a pipe would). `verb` is for
/// the error. Flags are those of open(2); O_CLOEXEC goes without saying.
Result<Fd> open_regular(std::string_view verb, const std::string& path, int flags);

/// Writes all of the parts, over short writes and interruptions. On failure some prefix may have
/// been written.
Status write_all(std::string_view verb, int fd, std::string_view path,
                 std::initializer_list<ByteSpan> parts);
/// Reads until `out` is full or the file ends.
Result<size_t> read_all(std::string_view verb, int fd, std::string_view path, uint64_t offset,
                        MutableByteSpan out);
/// fsync: data, size and everything else of the inode.
Status sync_all(std::string_view verb, int fd, std::string_view path);

class PosixFile : public File {
 public:
  PosixFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<size_t> read_at(uint64_t offset, MutableByteSpan out) override;
  Status append(std::initializer_list<ByteSpan> parts) override;
  Status sync() override;
  Result<uint64_t> size() override;
  void drop_cache() override;

 private:
  const Fd fd_;
  const std::string path_;
};

}  // namespace stele::os
