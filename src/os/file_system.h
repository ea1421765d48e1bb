// The one door to durable storage. os/ has the real one (PosixFileSystem), sim/ a faulty one for
// tests.
//
// Paths are absolute or relative to the process; names never come from outside without a check by
// the caller. Errors: kNotFound, kExists, kPermission, kNoSpace, kBusy, kIo; the context names the
// verb and the path. After a failed sync nothing may be believed about what the file holds on disk:
// the caller stops.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace stele::os {

/// Ends the names of files that replace() and put_once() are still writing. A crash may leave one
/// behind; nothing refers to it, list() does not show it, and it may be removed.
inline constexpr std::string_view kTemporarySuffix = ".stele-tmp";

/// An open file: positioned reads, appends at its end. Not thread-safe, but two Files on one path
/// are independent.
class File {
 public:
  virtual ~File() = default;
  /// Reads up to out.size() bytes at `offset`; fewer only where the file ends.
  virtual Result<size_t> read_at(uint64_t offset, MutableByteSpan out) = 0;
  /// Appends all parts, in order, at the file's end (O_APPEND). On failure some prefix may have
  /// been written.
  virtual Status append(std::initializer_list<ByteSpan> parts) = 0;
  /// fdatasync: when it returns, everything appended through any File on this path is durable.
  virtual Status sync() = 0;
  virtual Result<uint64_t> size() = 0;
  /// Asks the kernel to forget cached pages, so that the next read comes from the device. Advice
  /// only.
  virtual void drop_cache() = 0;
};

/// An advisory lock (flock); released when destroyed or when the process dies.
class Lock {
 public:
  virtual ~Lock() = default;
};
enum class Wait { kYes, kNo };

/// Memory shared by all processes that mapped the same path: kCount 64-bit words, atomic, zero when
/// new. They survive the death of a process and begin at zero after a reboot.
class SharedWords {
 public:
  static constexpr size_t kCount = 8;
  virtual ~SharedWords() = default;
  virtual uint64_t load(size_t index) const = 0;
  virtual void store(size_t index, uint64_t value) = 0;
};

enum class Protection { kNone, kAppendOnly, kImmutable };

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>> open_read(const std::string& path) = 0;
  /// For reading and appending; the file must exist.
  virtual Result<std::unique_ptr<File>> open_append(const std::string& path) = 0;
  /// Creates an empty file, mode 0600; durable as a name when it returns. kExists if there is one.
  virtual Result<std::unique_ptr<File>> create_append(const std::string& path) = 0;

  /// The whole file, or kLimit if it is larger than bytes_max.
  virtual Result<Bytes> read(const std::string& path, size_t bytes_max) = 0;
  /// Durable create-once: whole and durable under its name, or not there. Equal bytes already
  /// there: success; other bytes: kExists. Works in an append-only directory.
  virtual Status put_once(const std::string& path, ByteSpan bytes) = 0;
  /// Atomic replacement, durable when it returns: a reader sees the old bytes or the new.
  virtual Status replace(const std::string& path, ByteSpan bytes) = 0;
  /// Atomic replacement that a power cut may undo, and then shows the old bytes, the new, none, or
  /// a part of the new with zeros for the rest: whoever reads it must be able to tell.
  virtual Status replace_lazily(const std::string& path, ByteSpan bytes) = 0;
  /// Removing what is not there is success. A power cut may bring the file back.
  virtual Status remove(const std::string& path) = 0;
  /// mkdir -p, mode 0700, durable.
  virtual Status make_directories(const std::string& path) = 0;
  /// Names in a directory, sorted, without "." and ".." and without those with the temporary
  /// suffix.
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  virtual bool exists(const std::string& path) = 0;

  /// Takes an exclusive lock on a file (made if need be); Wait::kNo gives kBusy if it is held.
  virtual Result<std::unique_ptr<Lock>> lock(const std::string& path, Wait wait) = 0;
  virtual Result<std::unique_ptr<SharedWords>> share(const std::string& path) = 0;

  /// Sets the append-only or immutable flag, or clears both; durable when it returns. kUnsupported
  /// (file system) or kPermission (CAP_LINUX_IMMUTABLE) say why not. A File opened before may still
  /// append to what is immutable since (tmpfs lets it, ext4 does not): close it first. What becomes
  /// immutable gets fs-verity, too, where the file system has it and nobody can write to the file.
  virtual Status protect(const std::string& path, Protection protection) = 0;
  virtual Result<Protection> protection(const std::string& path) = 0;
  /// What fs-verity holds a file's content against, as "sha256:00…"; nullopt: nothing does.
  virtual Result<std::optional<std::string>> verity(const std::string& path) = 0;
};

}  // namespace stele::os
