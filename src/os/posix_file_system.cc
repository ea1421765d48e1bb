#include "os/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>

#include "os/directory.h"
#include "os/error.h"
#include "os/file_flags.h"
#include "os/posix_file.h"
#include "os/posix_shared_words.h"

namespace stele::os {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;

class HeldLock : public Lock {
 public:
  explicit HeldLock(Fd fd) : fd_(std::move(fd)) {}

 private:
  const Fd fd_;  // closing it releases the lock
};

Result<std::unique_ptr<File>> as_file(Result<Fd> fd, const std::string& path) {
  if (!fd) return fail(std::move(fd).error());
  return std::make_unique<PosixFile>(*std::move(fd), path);
}

// True: the file is there, holds these bytes, and both are durable (whoever put it may have died
// before its syncs). False: it is not there. kExists: it holds others.
Result<bool> is_there(const Place& place, ByteSpan bytes) {
  auto fd = open_regular("put", place.path, O_RDONLY | O_NOFOLLOW);
  if (!fd && fd.error().code == Code::kNotFound) return false;
  if (!fd) return fail(std::move(fd).error());
  Bytes there(bytes.size() + 1);
  TRY(const size_t size, read_all("put", fd->get(), place.path, 0, there));
  if (!equal(ByteSpan(there).first(size), bytes)) {
    return fail(Code::kExists, "put " + place.path + ": there already, with other bytes");
  }
  TRY_VOID(sync_all("put", fd->get(), place.path));
  TRY_VOID(sync_names("put", place));
  return true;
}

Result<bool> link_new(const Place& place, ByteSpan bytes) {
  auto linked = link_anonymous("put", place, bytes);
  if (!linked && linked.error().code == Code::kUnsupported)
    return link_temporary("put", place, bytes);
  return linked;
}

Status replace_name(const std::string& path, ByteSpan bytes, Sync sync) {
  TRY(const Place place, locate("replace", path));
  TRY(const std::string temporary, write_temporary("replace", place, bytes, sync));
  const int directory = place.directory.get();
  if (::renameat(directory, temporary.c_str(), directory, place.name.c_str()) != 0) {
    const int error = errno;
    ::unlinkat(directory, temporary.c_str(), 0);
    return fail_errno("replace", path, error);
  }
  return sync == Sync::kYes ? sync_names("replace", place) : Status{};
}

Result<Fd> open_for_flags(std::string_view verb, const std::string& path) {
  const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  Fd fd(retry([&] { return ::open(path.c_str(), flags); }));
  if (!fd) return fail_errno(verb, path);
  return fd;
}

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::open_read(const std::string& path) {
  return as_file(open_regular("open", path, O_RDONLY), path);
}

Result<std::unique_ptr<File>> PosixFileSystem::open_append(const std::string& path) {
  return as_file(open_regular("open", path, O_RDWR | O_APPEND | O_NOFOLLOW), path);
}

Result<std::unique_ptr<File>> PosixFileSystem::create_append(const std::string& path) {
  TRY(const Place place, locate("create", path));
  const int flags = O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Fd fd(
      retry([&] { return ::openat(place.directory.get(), place.name.c_str(), flags, kFileMode); }));
  if (!fd) return fail_errno("create", path);
  TRY_VOID(sync_names("create", place));
  return std::make_unique<PosixFile>(std::move(fd), path);
}

Result<Bytes> PosixFileSystem::read(const std::string& path, size_t bytes_max) {
  TRY(const Fd fd, open_regular("read", path, O_RDONLY));
  struct stat facts{};
  if (::fstat(fd.get(), &facts) != 0) return fail_errno("read", path);
  // A size may be a lie (/proc says 0) or grow meanwhile: reads until the end, and always one byte
  // more than is known of, so that the usual file is read by one call.
  uint64_t size = static_cast<uint64_t>(facts.st_size);
  for (Bytes bytes; size <= bytes_max && bytes.size() <= bytes_max;) {
    const size_t known = bytes.size();
    bytes.resize(size + 1);
    TRY(const size_t got,
        read_all("read", fd.get(), path, known, MutableByteSpan(bytes).subspan(known)));
    if (known + got <= size) {
      bytes.resize(known + got);
      return bytes;
    }
    size = std::min(bytes.size() * 2, bytes_max);
  }
  return fail(Code::kLimit,
              "read " + path + ": larger than " + std::to_string(bytes_max) + " bytes");
}

Status PosixFileSystem::put_once(const std::string& path, ByteSpan bytes) {
  TRY(const Place place, locate("put", path));
  TRY(const bool there, is_there(place, bytes));
  if (there) return {};
  TRY(const bool linked, link_new(place, bytes));
  if (linked) return sync_names("put", place);
  TRY(const bool same, is_there(place, bytes));
  if (!same) return fail(Code::kConflict, "put " + path + ": came and went meanwhile");
  return {};
}

Status PosixFileSystem::replace(const std::string& path, ByteSpan bytes) {
  return replace_name(path, bytes, Sync::kYes);
}

Status PosixFileSystem::replace_lazily(const std::string& path, ByteSpan bytes) {
  return replace_name(path, bytes, Sync::kNo);
}

Status PosixFileSystem::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("remove", path);
  return {};
}

Status PosixFileSystem::make_directories(const std::string& path) {
  if (path.size() > 1 && path.ends_with('/'))
    return make_directories(path.substr(0, path.size() - 1));
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) {
    if (errno != ENOENT) return fail_errno("mkdir", path);
    const size_t slash = path.rfind('/');
    if (slash != std::string::npos && slash > 0) TRY_VOID(make_directories(path.substr(0, slash)));
    TRY(const Place place, locate("mkdir", path));
    if (::mkdirat(place.directory.get(), place.name.c_str(), kDirectoryMode) == 0) {
      return sync_names("mkdir", place);
    }
    if (errno != EEXIST || ::stat(path.c_str(), &facts) != 0) return fail_errno("mkdir", path);
  }
  if (!S_ISDIR(facts.st_mode)) return fail_errno("mkdir", path, ENOTDIR);
  if (path == "/" || path == ".") return {};
  // Whoever made it may have died before its sync. A directory that we may not even open was not
  // ours to make.
  const auto place = locate("mkdir", path);
  if (!place) return place.error().code == Code::kPermission ? Status{} : fail(place.error());
  return sync_names("mkdir", *place);
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) return fail_errno("list", path);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (!entry) break;
    std::string name = entry->d_name;
    if (name != "." && name != ".." && !name.ends_with(kTemporarySuffix))
      names.push_back(std::move(name));
  }
  if (errno != 0) return fail_errno("list", path);
  std::sort(names.begin(), names.end());
  return names;
}

bool PosixFileSystem::exists(const std::string& path) {
  struct stat facts{};
  return ::lstat(path.c_str(), &facts) == 0;
}

Result<std::unique_ptr<Lock>> PosixFileSystem::lock(const std::string& path, Wait wait) {
  TRY(Fd fd, open_regular("lock", path, O_RDWR | O_CREAT | O_NOFOLLOW));
  const int how = LOCK_EX | (wait == Wait::kNo ? LOCK_NB : 0);
  if (retry([&] { return ::flock(fd.get(), how); }) != 0) return fail_errno("lock", path);
  return std::make_unique<HeldLock>(std::move(fd));
}

Result<std::unique_ptr<SharedWords>> PosixFileSystem::share(const std::string& path) {
  return map_shared_words(path);
}

Status PosixFileSystem::protect(const std::string& path, Protection protection) {
  TRY(const Fd fd, open_for_flags("protect", path));
  return set_protection("protect", fd.get(), path, protection);
}

Result<Protection> PosixFileSystem::protection(const std::string& path) {
  TRY(const Fd fd, open_for_flags("protection", path));
  return protection_of("protection", fd.get(), path);
}

Result<std::optional<std::string>> PosixFileSystem::verity(const std::string& path) {
  TRY(const Fd fd, open_for_flags("verity", path));
  return verity_of("verity", fd.get(), path);
}

}  // namespace stele::os
