#include "os/file_flags.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/hex.h"
#include "os/error.h"
#include "os/posix_file.h"

namespace stele::os {
namespace {

constexpr uint32_t kVerityBlockBytes = 4096;
constexpr size_t kDigestBytesMax = 64;

// FS_IOC_GETFLAGS is declared with a long; the kernel has always read and written an int.
Result<unsigned> read_flags(std::string_view verb, int fd, const std::string& path) {
  unsigned flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return fail_errno(verb, path);
  return flags;
}

/// What the kernel calls fsverity_digest, with room for any.
struct Measured {
  uint16_t algorithm = 0, bytes = kDigestBytesMax;
  std::array<uint8_t, kDigestBytesMax> digest{};
};

/// 0, or why not: ENODATA where the file could have it.
int measure(int fd, Measured& out) {
  return ::ioctl(fd, FS_IOC_MEASURE_VERITY, &out) == 0 ? 0 : errno;
}

/// Nobody opens the file to write to it, or cuts it short, while this lives: they wait, or go on
/// without it after the kernel's lease-break-time.
class NoWriters {
 public:
  explicit NoWriters(int fd) : fd_(fd) {
    // Who waits is told of by a signal, which ends a process unless it is one that does not.
    is_so_ = ::fcntl(fd, F_SETSIG, SIGURG) == 0 && ::fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
  }
  NoWriters(const NoWriters&) = delete;
  NoWriters& operator=(const NoWriters&) = delete;
  ~NoWriters() {
    if (is_so_) ::fcntl(fd_, F_SETLEASE, F_UNLCK);
  }
  explicit operator bool() const { return is_so_; }

 private:
  const int fd_;
  bool is_so_ = false;
};

// The kernel takes no append-only file: that flag goes for as long as the hashes are made. Whatever
// can not be had is left as it is: the immutable flag comes in any case.
void add_verity(int fd, unsigned flags) {
  Measured none;
  if (measure(fd, none) != ENODATA) return;
  const NoWriters alone(fd);
  if (!alone) return;
  unsigned without = flags & ~unsigned{FS_APPEND_FL};
  if (without != flags && ::ioctl(fd, FS_IOC_SETFLAGS, &without) != 0) return;
  fsverity_enable_arg how{};
  how.version = 1;
  how.hash_algorithm = FS_VERITY_HASH_ALG_SHA256;
  how.block_size = kVerityBlockBytes;
  (void)retry([&] { return ::ioctl(fd, FS_IOC_ENABLE_VERITY, &how); });
}

}  // namespace

Result<Protection> protection_of(std::string_view verb, int fd, const std::string& path) {
  TRY(const unsigned flags, read_flags(verb, fd, path));
  if (flags & FS_IMMUTABLE_FL) return Protection::kImmutable;
  return flags & FS_APPEND_FL ? Protection::kAppendOnly : Protection::kNone;
}

Status set_protection(std::string_view verb, int fd, const std::string& path,
                      Protection protection) {
  TRY(unsigned flags, read_flags(verb, fd, path));
  if (protection == Protection::kImmutable && !(flags & FS_IMMUTABLE_FL)) {
    add_verity(fd, flags);
    TRY(flags, read_flags(verb, fd, path));  // the file system shows verity among them
  }
  flags &= ~unsigned{FS_APPEND_FL | FS_IMMUTABLE_FL};
  if (protection == Protection::kAppendOnly) flags |= FS_APPEND_FL;
  if (protection == Protection::kImmutable) flags |= FS_IMMUTABLE_FL;
  if (::ioctl(fd, FS_IOC_SETFLAGS, &flags) != 0) return fail_errno(verb, path);
  return sync_all(verb, fd, path);
}

Result<std::optional<std::string>> verity_of(std::string_view verb, int fd,
                                             const std::string& path) {
  Measured found;
  const int error = measure(fd, found);
  if (error == ENODATA || code_of(error) == Code::kUnsupported) return std::nullopt;
  if (error != 0) return fail_errno(verb, path, error);
  const size_t bytes = std::min<size_t>(found.bytes, kDigestBytesMax);
  const bool is_sha256 = found.algorithm == FS_VERITY_HASH_ALG_SHA256;
  return (is_sha256 ? "sha256:" : "sha512:") + to_hex(ByteSpan(found.digest).first(bytes));
}

}  // namespace stele::os
