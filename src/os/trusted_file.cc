#include "os/trusted_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "os/hardening.h"
#include "os/read_bounded.h"

namespace stele::os {
namespace {

/// `mode`: bits that the file's has to have.
bool is_root_s(const std::string& path, mode_t mode) {
  if (path.empty() || path.front() != '/') return false;
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    struct stat found{};
    if (::lstat(part.c_str(), &found) != 0) return false;
    const bool is_last = end == std::string::npos;
    const bool is_kind = is_last ? S_ISREG(found.st_mode) : S_ISDIR(found.st_mode);
    if (!is_kind || found.st_uid != 0 || (found.st_mode & (S_IWGRP | S_IWOTH)) != 0) return false;
    if (is_last) return (found.st_mode & mode) == mode;
  }
  return false;
}

/// A regular file, root's or this process's user's, in whose mode none of these bits are; else it
/// is kPermission, with `why`.
Result<std::string> read_own_file(const std::string& path, size_t bytes_max, mode_t without,
                                  const char* why) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return fail_errno("open", path);
  struct stat found{};
  if (::fstat(file.get(), &found) != 0) return fail_errno("look at", path);
  const bool is_ours = found.st_uid == 0 || (found.st_uid == ::geteuid() && !has_borrowed_rights());
  if (!S_ISREG(found.st_mode) || !is_ours || (found.st_mode & without) != 0)
    return fail(Code::kPermission, path + why);
  return read_bounded(file, path, bytes_max);
}

}  // namespace

bool is_root_s_file(const std::string& path) { return is_root_s(path, 0); }

bool is_root_s_program(const std::string& path) { return is_root_s(path, S_IXOTH); }

Result<std::string> read_trusted_file(const std::string& path, size_t bytes_max) {
  return read_own_file(path, bytes_max, S_IWGRP | S_IWOTH,
                       ": only root may be able to write to it");
}

Result<std::string> read_secret_file(const std::string& path, size_t bytes_max) {
  return read_own_file(path, bytes_max, S_IRWXG | S_IRWXO,
                       ": it is secret, and to be root's alone: chown root it, and chmod 600");
}

}  // namespace stele::os
