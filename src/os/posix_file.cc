#include "os/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <limits>

#include "os/error.h"

namespace stele::os {
namespace {

constexpr size_t kPartsPerCall = 16;  // of one writev; far below IOV_MAX, and on the stack
constexpr mode_t kFileMode = 0600;

// Writes out the first `count` vectors, which it uses up.
int write_vectors(int fd, iovec* vectors, size_t count) {
  while (count > 0) {
    if (vectors->iov_len == 0) {
      ++vectors, --count;
      continue;
    }
    const ssize_t written = retry([&] { return ::writev(fd, vectors, static_cast<int>(count)); });
    if (written < 0) return errno;
    if (written == 0) return EIO;  // a file that takes nothing and says nothing
    for (size_t left = static_cast<size_t>(written); left > 0;) {
      const size_t taken = std::min(left, vectors->iov_len);
      vectors->iov_base = static_cast<uint8_t*>(vectors->iov_base) + taken;
      vectors->iov_len -= taken;
      left -= taken;
      if (vectors->iov_len == 0) ++vectors, --count;
    }
  }
  return 0;
}

}  // namespace

Result<Fd> open_regular(std::string_view verb, const std::string& path, int flags) {
  // O_NONBLOCK changes nothing for a regular file, and keeps a pipe's open from waiting for its
  // other end.
  const int all = flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  Fd fd(retry([&] { return ::open(path.c_str(), all, kFileMode); }));
  struct stat facts{};
  if (!fd || ::fstat(fd.get(), &facts) != 0) return fail_errno(verb, path);
  if (!S_ISREG(facts.st_mode)) {
    return fail(Code::kInvalid, std::string(verb) + " " + path + ": not a regular file");
  }
  return fd;
}

Status write_all(std::string_view verb, int fd, std::string_view path,
                 std::initializer_list<ByteSpan> parts) {
  std::array<iovec, kPartsPerCall> vectors;
  for (const ByteSpan* part = parts.begin(); part != parts.end();) {
    size_t count = 0;
    for (; count < kPartsPerCall && part != parts.end(); ++count, ++part) {
      vectors[count] = {const_cast<uint8_t*>(part->data()), part->size()};
    }
    if (const int error = write_vectors(fd, vectors.data(), count); error != 0) {
      return fail_errno(verb, path, error);
    }
  }
  return {};
}

Result<size_t> read_all(std::string_view verb, int fd, std::string_view path, uint64_t offset,
                        MutableByteSpan out) {
  if (offset > static_cast<uint64_t>(std::numeric_limits<off_t>::max()))
    return 0;  // no file is so long
  size_t done = 0;
  while (done < out.size()) {
    const auto at = static_cast<off_t>(offset + done);
    const ssize_t got =
        retry([&] { return ::pread(fd, out.data() + done, out.size() - done, at); });
    if (got < 0) return fail_errno(verb, path);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

Status sync_all(std::string_view verb, int fd, std::string_view path) {
  if (retry([&] { return ::fsync(fd); }) != 0) return fail_errno(verb, path);
  return {};
}

Result<size_t> PosixFile::read_at(uint64_t offset, MutableByteSpan out) {
  return read_all("read", fd_.get(), path_, offset, out);
}

Status PosixFile::append(std::initializer_list<ByteSpan> parts) {
  return write_all("append", fd_.get(), path_, parts);
}

Status PosixFile::sync() {
  if (retry([&] { return ::fdatasync(fd_.get()); }) != 0) return fail_errno("sync", path_);
  return {};
}

Result<uint64_t> PosixFile::size() {
  struct stat facts{};
  if (::fstat(fd_.get(), &facts) != 0) return fail_errno("size", path_);
  return static_cast<uint64_t>(facts.st_size);
}

void PosixFile::drop_cache() { ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED); }

}  // namespace stele::os
