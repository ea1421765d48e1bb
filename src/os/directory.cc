#include "os/directory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <array>
#include <filesystem>

#include "base/check.h"
#include "base/hex.h"
#include "os/error.h"
#include "os/posix_file.h"
#include "os/random.h"

namespace stele::os {
namespace {

constexpr mode_t kFileMode = 0600;

// "/a/b" -> "/a", "/b" -> "/", "b" -> "."
std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string temporary_name(const std::string& name) {
  std::array<uint8_t, 8> random;
  system_random(random);
  return name + "." + to_hex(random) + std::string(kTemporarySuffix);
}

Status fill(std::string_view verb, int fd, const Place& place, ByteSpan bytes, Sync sync) {
  TRY_VOID(write_all(verb, fd, place.path, {bytes}));
  return sync == Sync::kYes ? sync_all(verb, fd, place.path) : Status{};
}

// Gives an O_TMPFILE file its name. AT_EMPTY_PATH needs CAP_DAC_READ_SEARCH before Linux 6.10 and
// says ENOENT without it; the way by /proc needs no privilege, but /proc.
int link_open_file(int fd, const Place& place) {
  if (::linkat(fd, "", place.directory.get(), place.name.c_str(), AT_EMPTY_PATH) == 0) return 0;
  if (errno != ENOENT) return -1;
  const std::string proc = "/proc/self/fd/" + std::to_string(fd);
  return ::linkat(AT_FDCWD, proc.c_str(), place.directory.get(), place.name.c_str(),
                  AT_SYMLINK_FOLLOW);
}

}  // namespace

Result<Place> locate(std::string_view verb, const std::string& path) {
  Place place{.directory = {}, .name = path.substr(path.rfind('/') + 1), .path = path};
  if (place.name.empty())
    return fail(Code::kInvalid, std::string(verb) + " " + path + ": names no file");
  const std::string parent = parent_of(path);
  place.directory.reset(
      retry([&] { return ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!place.directory) return fail_errno(verb, path);
  return place;
}

Status sync_names(std::string_view verb, const Place& place) {
  return sync_all(verb, place.directory.get(), place.path);
}

Result<std::string> write_temporary(std::string_view verb, const Place& place, ByteSpan bytes,
                                    Sync sync) {
  const int directory = place.directory.get();
  std::string name = temporary_name(place.name);
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const Fd fd(retry([&] { return ::openat(directory, name.c_str(), flags, kFileMode); }));
  if (!fd) return fail_errno(verb, place.path);
  if (auto filled = fill(verb, fd.get(), place, bytes, sync); !filled) {
    ::unlinkat(directory, name.c_str(), 0);
    return fail(std::move(filled).error());
  }
  return name;
}

Result<bool> link_anonymous(std::string_view verb, const Place& place, ByteSpan bytes) {
  const int flags = O_TMPFILE | O_WRONLY | O_CLOEXEC;
  const Fd fd(retry([&] { return ::openat(place.directory.get(), ".", flags, kFileMode); }));
  // EISDIR: a kernel or file system that does not know O_TMPFILE sees a directory opened for
  // writing (open(2)).
  if (!fd) return fail_errno(verb, place.path, errno == EISDIR ? EOPNOTSUPP : errno);
  TRY_VOID(fill(verb, fd.get(), place, bytes, Sync::kYes));
  if (link_open_file(fd.get(), place) != 0) {
    if (errno == EEXIST) return false;
    return fail_errno(verb, place.path);
  }
  // Until now the inode on disk said "no name". Without a journal (ext4 -O ^has_journal) the
  // directory's sync does not mend that, and after a power cut the name would lead to a deleted
  // file.
  TRY_VOID(sync_all(verb, fd.get(), place.path));
  return true;
}

Result<bool> link_temporary(std::string_view verb, const Place& place, ByteSpan bytes) {
  TRY(const std::string temporary, write_temporary(verb, place, bytes, Sync::kYes));
  const int directory = place.directory.get();
  const bool linked = ::linkat(directory, temporary.c_str(), directory, place.name.c_str(), 0) == 0;
  const int link_error = errno;
  ::unlinkat(directory, temporary.c_str(), 0);
  if (linked) return true;
  if (link_error == EEXIST) return false;
  return fail_errno(verb, place.path, link_error);
}

bool is_public(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 && (found.st_mode & S_IROTH) != 0;
}

Status make_public(const std::string& path) {
  if (::chmod(path.c_str(), 0644) != 0) return fail_errno("change the mode of", path);
  return {};
}

Status make_public_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0) {
    // Whatever the umask says.
    if (::chmod(path.c_str(), 0755) != 0) return fail_errno("change the mode of", path);
    return {};
  }
  if (errno != EEXIST) return fail_errno("make", path);
  struct stat facts{};
  if (::lstat(path.c_str(), &facts) != 0) return fail_errno("look at", path);
  if (!S_ISDIR(facts.st_mode) || facts.st_uid != ::geteuid() || (facts.st_mode & 0022) != 0) {
    return fail(Code::kPermission, path +
                                       ": others may change it, or it is no directory: what lies "
                                       "in it could be anybody's");
  }
  return {};
}

Status make_private_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return fail_errno("make", path);
  struct stat facts{};
  if (::lstat(path.c_str(), &facts) != 0) return fail_errno("look at", path);
  if (!S_ISDIR(facts.st_mode) || facts.st_uid != ::geteuid() || (facts.st_mode & 0077) != 0)
    return fail(Code::kPermission, path + ": it is not this program's alone");
  return {};
}

Result<Fd> open_directory(const std::string& path) {
  Fd fd(retry([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!fd) return fail_errno("open", path);
  return fd;
}

Result<Fd> open_own_file(int directory, const std::string& name) {
  CHECK(!name.empty() && name.find('/') == std::string::npos);
  const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  Fd fd(retry([&] { return ::openat(directory, name.c_str(), flags); }));
  if (!fd) return fail_errno("open", name);
  struct stat facts{};
  if (::fstat(fd.get(), &facts) != 0) return fail_errno("look at", name);
  if (!S_ISREG(facts.st_mode)) return fail(Code::kInvalid, "open " + name + ": not a regular file");
  if (facts.st_uid != ::geteuid()) return fail(Code::kPermission, "open " + name + ": another's");
  return fd;
}

void empty_directory(const std::string& path) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(path, ignored))
    std::filesystem::remove_all(entry.path(), ignored);
}

bool is_bpf_file_system(const std::string& path) {
  struct statfs facts{};
  return ::statfs(path.c_str(), &facts) == 0 &&
         static_cast<uint64_t>(facts.f_type) == uint64_t{BPF_FS_MAGIC};
}

Result<uint32_t> owner_of(const std::string& path) {
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) return fail_errno("look at", path);
  return facts.st_uid;
}

bool is_surely_absent(const std::string& path) {
  struct stat facts{};
  return ::lstat(path.c_str(), &facts) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

}  // namespace stele::os
