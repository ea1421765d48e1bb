#include "os/who.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "os/error.h"
#include "os/fd.h"
#include "os/read_bounded.h"

namespace stele::os {
namespace {

constexpr size_t kEntryBytesMax = 1 << 20;  // no entry of a sane database is larger

// A field of a user's entry; empty if there is none.
std::string from_entry(uint32_t uid, char* passwd::* field) {
  for (std::vector<char> buffer(4096); buffer.size() <= kEntryBytesMax;
       buffer.resize(buffer.size() * 4)) {
    passwd entry{};
    passwd* found = nullptr;
    const int error = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    return found != nullptr && found->*field != nullptr ? found->*field : "";
  }
  return "";
}

}  // namespace

Result<Identity> identity() {
  Identity who{::getuid(), ::geteuid(), ::getgid(), {}};
  const int count = ::getgroups(0, nullptr);
  if (count < 0) return fail_errno("read", "the supplementary groups");
  who.groups.resize(static_cast<size_t>(count));
  if (count > 0 && ::getgroups(count, who.groups.data()) != count) {
    return fail_errno("read", "the supplementary groups");
  }
  return who;
}

std::string user_name(uint32_t uid) { return from_entry(uid, &passwd::pw_name); }

std::string login_shell(uint32_t uid) { return from_entry(uid, &passwd::pw_shell); }

Result<uint32_t> user_id(const std::string& name) {
  for (std::vector<char> buffer(4096); buffer.size() <= kEntryBytesMax;
       buffer.resize(buffer.size() * 4)) {
    passwd entry{};
    passwd* found = nullptr;
    const int error = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    if (found != nullptr) return entry.pw_uid;
    break;
  }
  return fail(Code::kNotFound, "there is no user " + name);
}

std::string group_name(uint32_t gid) {
  for (std::vector<char> buffer(4096); buffer.size() <= kEntryBytesMax;
       buffer.resize(buffer.size() * 4)) {
    group entry{};
    group* found = nullptr;
    const int error = ::getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    return found != nullptr && found->gr_name != nullptr ? found->gr_name : "";
  }
  return "";
}

Result<uint32_t> group_id(const std::string& name) {
  for (std::vector<char> buffer(4096); buffer.size() <= kEntryBytesMax;
       buffer.resize(buffer.size() * 4)) {
    group entry{};
    group* found = nullptr;
    const int error = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    if (found != nullptr) return entry.gr_gid;
    break;
  }
  return fail(Code::kNotFound, "there is no group " + name);
}

std::string host_name() {
  utsname names{};
  return ::uname(&names) == 0 ? names.nodename : "";
}

std::string kernel_release() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : "";
}

std::string current_directory() {
  std::array<char, PATH_MAX> path{};
  return ::getcwd(path.data(), path.size()) != nullptr ? path.data() : "";
}

std::string terminal_name(std::initializer_list<int> fds) {
  std::array<char, 256> name{};
  for (int fd : fds) {
    if (::ttyname_r(fd, name.data(), name.size()) == 0) return name.data();
  }
  return "";
}

Result<std::string> read_system_file(const std::string& path) {
  constexpr size_t kBytesMax = 4096;
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return fail_errno("open", path);
  TRY(std::string text, read_bounded(file, path, kBytesMax));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Result<std::string> read_own_file(const std::string& path, size_t bytes_max) {
  // O_NONBLOCK: what is no file must not keep this process waiting.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return fail_errno("open", path);
  struct stat found{};
  if (::fstat(file.get(), &found) != 0) return fail_errno("look at", path);
  if (!S_ISREG(found.st_mode) || found.st_uid != ::geteuid())
    return fail(Code::kPermission, path + ": not a file of this user's own");
  return read_bounded(file, path, bytes_max);
}

}  // namespace stele::os
