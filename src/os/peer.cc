#include "os/peer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <filesystem>
#include <limits>
#include <map>

#include "os/error.h"
#include "os/process_connector.h"
#include "os/who.h"

namespace stele::os {
namespace {

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77  // asm-generic/socket.h of Linux 6.5
#endif

constexpr size_t kGroupsMax = size_t{1} << 16;  // NGROUPS_MAX

template <typename Integer>
std::optional<Integer> number_of(std::string_view text) {
  Integer number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The text's field, counted from 0, between single blanks.
std::string_view field(std::string_view text, size_t index, char blank) {
  for (; index > 0; --index) {
    const size_t at = text.find(blank);
    if (at == text.npos) return {};
    text.remove_prefix(at + 1);
  }
  return text.substr(0, text.find(blank));
}

Result<Fd> pidfd_of(int socket, pid_t pid) {
  int fd = -1;
  socklen_t size = sizeof fd;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &size) == 0) return Fd(fd);
  if (errno != ENOPROTOOPT) return fail_errno("ask who is at", "a socket");
  Fd opened(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!opened) {
    return fail(Code::kNotFound, "the process at the other end of a socket is gone", errno);
  }
  return opened;
}

Result<std::vector<uint32_t>> groups_of(int socket) {
  std::vector<uint32_t> groups(64);
  static_assert(sizeof(gid_t) == sizeof(uint32_t));
  for (;;) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
      groups.resize(size / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE || size / sizeof(gid_t) > kGroupsMax) {
      return fail_errno("ask for the groups of", "a socket's peer");
    }
    groups.resize(size / sizeof(gid_t));
  }
}

struct Stat {
  std::string name;
  char state = '?';  // proc_pid_stat(5), field 3
  uint32_t parent = 0;
  uint64_t started = 0;
  uint32_t tty = 0;
};

/// /proc/PID/stat: the command's name may hold anything, so counting starts behind its last ")".
Result<Stat> read_stat(const std::string& folder) {
  TRY(const std::string text, read_system_file(folder + "/stat"));
  const size_t name_end = text.rfind(')');
  const size_t name_at = text.find('(');
  if (name_end == text.npos || name_at == text.npos || name_at > name_end)
    return fail(Code::kCorrupt, folder + "/stat: without a name");
  const std::string_view rest = std::string_view(text).substr(name_end + 1);
  constexpr size_t kParent = 4 - 2, kTty = 7 - 2,
                   kStarted = 22 - 2;  // the state, field 3, follows one blank
  const auto parent = number_of<uint32_t>(field(rest, kParent, ' '));
  const auto tty = number_of<int32_t>(field(rest, kTty, ' '));
  const auto started = number_of<uint64_t>(field(rest, kStarted, ' '));
  if (!parent || !tty || !started)
    return fail(Code::kCorrupt, folder + "/stat: not as proc_pid_stat(5) says");
  return Stat{text.substr(name_at + 1, name_end - name_at - 1), rest.size() > 1 ? rest[1] : '?',
              *parent, *started, static_cast<uint32_t>(*tty)};
}

constexpr size_t kReal = 0, kEffective = 1;

/// An id of the line "Uid:" or "Gid:" of /proc/PID/status.
Result<uint32_t> id_of(const std::string& status, std::string_view name, size_t which) {
  const std::string wanted = "\n" + std::string(name) + ":\t";
  const size_t at = status.find(wanted);
  const std::string_view rest =
      at == status.npos ? "" : std::string_view(status).substr(at + wanted.size());
  const auto id = number_of<uint32_t>(field(field(rest, 0, '\n'), which, '\t'));
  if (!id) return fail(Code::kCorrupt, "a process's status has no " + std::string(name));
  return *id;
}

/// Up to so many bytes of a file; none, if it can not be read.
std::string beginning_of(const std::string& path, size_t bytes_max) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(bytes_max, '\0');
  size_t size = 0;
  while (file && size < bytes_max) {
    const ssize_t got = retry([&] { return ::read(file.get(), &text[size], bytes_max - size); });
    if (got <= 0) break;
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return text;
}

/// The effective ones, of /proc/PID/status.
uint64_t capabilities_of(const std::string& status) {
  constexpr std::string_view kName = "\nCapEff:\t";
  const size_t at = status.find(kName);
  if (at == status.npos) return 0;
  uint64_t bits = 0;
  (void)std::from_chars(status.data() + at + kName.size(), status.data() + status.size(), bits, 16);
  return bits;
}

/// Unset is 4294967295 (audit(7)); so is what cannot be read.
std::optional<uint32_t> audit_number(const std::string& path) {
  const auto text = read_system_file(path);
  const auto number = text ? number_of<uint32_t>(*text) : std::nullopt;
  return number == std::numeric_limits<uint32_t>::max() ? std::nullopt : number;
}

std::string link_target(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<size_t>(size)) : "";
}

}  // namespace

bool Peer::is_alive() const {
  pollfd watched{pidfd.get(), POLLIN, 0};  // readable when the process has ended
  return pidfd && retry([&] { return ::poll(&watched, 1, 0); }) == 0;
}

bool is_alive(const ProcessKey& process) {
  const auto stat = read_stat("/proc/" + std::to_string(process.pid));
  if (!stat) return stat.error().code != Code::kNotFound;
  return stat->started == process.started && stat->state != 'Z' && stat->state != 'X';
}

bool sees_kernel_pids() {
  constexpr ino_t kFirst = 0xeffffffc;  // PROC_PID_INIT_INO of linux/proc_ns.h
  struct stat found{};
  return ::stat("/proc/self/ns/pid", &found) == 0 && found.st_ino == kFirst;
}

namespace {

std::string folder_of(uint32_t pid) { return "/proc/" + std::to_string(pid); }

}  // namespace

Result<Ancestor> look_at(uint32_t pid) {
  const std::string folder = folder_of(pid);
  TRY(const Stat stat, read_stat(folder));
  TRY(const std::string status, read_system_file(folder + "/status"));
  Ancestor found{{pid, stat.started}, stat.name, link_target(folder + "/exe")};
  TRY(found.uid, id_of(status, "Uid", kReal));
  TRY(found.euid, id_of(status, "Uid", kEffective));
  return found;
}

// Each step is looked at twice: a process whose parent is still the same had it all the while, so
// what was read in between was that parent's, and not of another that got its pid.
std::vector<Ancestor> ancestors_of(uint32_t pid) {
  std::vector<Ancestor> found;
  while (found.size() < kAncestorsMax) {
    const auto child = read_stat(folder_of(pid));
    if (!child || child->parent == 0) break;
    auto parent = look_at(child->parent);
    const auto again = read_stat(folder_of(pid));
    if (!parent || !again || again->parent != child->parent || again->started != child->started)
      break;
    pid = child->parent;
    found.push_back(*std::move(parent));
  }
  return found;
}

uint32_t own_pid() { return static_cast<uint32_t>(::getpid()); }

std::string control_group_of(uint32_t pid) {
  constexpr size_t kBytesMax = 1024;
  const auto text = read_system_file(folder_of(pid) + "/cgroup");
  if (!text) return "";
  const size_t v2 = text->starts_with("0::") ? 0 : text->find("\n0::");
  std::string_view line = std::string_view(*text).substr(v2 == text->npos || v2 == 0 ? 0 : v2 + 1);
  line = field(line, 0, '\n');
  const size_t path = line.find(':', line.find(':') + 1);  // number:controllers:path
  return path == line.npos ? "" : std::string(line.substr(path + 1, kBytesMax));
}

Result<Running> running(uint32_t pid, size_t argv_bytes_max) {
  const std::string folder = folder_of(pid);
  Running found;
  TRY(const Stat stat, read_stat(folder));
  TRY(const std::string status, read_system_file(folder + "/status"));
  found.parent = stat.parent;
  found.terminal = stat.tty;
  TRY(found.uid, id_of(status, "Uid", kReal));
  TRY(found.euid, id_of(status, "Uid", kEffective));
  TRY(found.gid, id_of(status, "Gid", kReal));
  TRY(found.egid, id_of(status, "Gid", kEffective));
  found.capabilities = capabilities_of(status);
  found.login_uid = audit_number(folder + "/loginuid");
  found.audit_session = audit_number(folder + "/sessionid");
  found.file = link_target(folder + "/exe");
  found.cwd = link_target(folder + "/cwd");
  std::string arguments = beginning_of(folder + "/cmdline", argv_bytes_max + 1);
  found.is_cut = arguments.size() > argv_bytes_max;
  if (found.is_cut) arguments.resize(argv_bytes_max);
  for (std::string_view rest = arguments; !rest.empty();) {
    const std::string_view argument = rest.substr(0, rest.find('\0'));
    found.argv.emplace_back(argument);
    rest.remove_prefix(std::min(rest.size(), argument.size() + 1));
  }
  return found;
}

std::vector<uint32_t> descendants_of(uint32_t pid) {
  std::multimap<uint32_t, uint32_t> children;
  std::error_code ignored;  // of an entry that is gone
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const auto child = number_of<uint32_t>(entry.path().filename().native());
    const auto stat = child ? read_stat(entry.path()) : fail(Code::kNotFound, "no process");
    if (stat) children.emplace(stat->parent, *child);
  }
  std::vector<uint32_t> found = {pid};
  for (size_t i = 0; i < found.size(); ++i) {
    const auto [from, to] = children.equal_range(found[i]);
    for (auto at = from; at != to; ++at) found.push_back(at->second);
  }
  found.erase(found.begin());
  return found;
}

std::vector<ProcessOnTerminal> processes_on_terminals() {
  std::vector<ProcessOnTerminal> found;
  std::error_code ignored;  // of an entry that is gone
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const auto pid = number_of<uint32_t>(entry.path().filename().native());
    const std::string& folder = entry.path().native();
    const auto stat = pid ? read_stat(folder) : fail(Code::kNotFound, "no process");
    if (!stat || stat->tty == 0) continue;
    const auto login_uid = audit_number(folder + "/loginuid");
    const auto audit_session = audit_number(folder + "/sessionid");
    const auto status = read_system_file(folder + "/status");
    const auto uid = status ? id_of(*status, "Uid", kReal) : fail(Code::kNotFound, "no process");
    if (!uid) continue;
    std::string program = link_target(folder + "/exe");
    if (program.empty()) program = read_system_file(folder + "/comm").value_or("");
    constexpr uint32_t kUnset = std::numeric_limits<uint32_t>::max();
    found.push_back({*pid, stat->parent, *uid, login_uid.value_or(kUnset),
                     audit_session.value_or(kUnset), stat->tty, stat->started, std::move(program)});
  }
  return found;
}

std::string terminal_of(uint32_t number) {
  // The kernel's new_encode_dev(): minor 0…7 and 20…31, major 8…19.
  const uint32_t major = number >> 8 & 0xfff;
  const uint32_t minor = (number & 0xff) | (number >> 12 & 0xfff00);
  constexpr uint32_t kPtsFirst = 136, kPtsLast = 143;  // devices.txt: 256 each, before devpts
  if (number == 0) return "";
  if (major >= kPtsFirst && major <= kPtsLast) {
    return "/dev/pts/" + std::to_string((major - kPtsFirst) * 256 + minor);
  }
  const std::string device = std::to_string(major) + ":" + std::to_string(minor);
  const auto event = read_system_file("/sys/dev/char/" + device + "/uevent");
  constexpr std::string_view kName = "DEVNAME=";
  const size_t at = event ? event->find(kName) : std::string::npos;
  if (at == std::string::npos) return "character device " + device;
  return "/dev/" + std::string(field(std::string_view(*event).substr(at + kName.size()), 0, '\n'));
}

Result<Peer> peer_of(int socket) {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
    return fail_errno("ask who is at", "a socket");
  if (who.pid <= 0) {
    return fail(Code::kUnsupported,
                "the process at the other end of a socket has no pid in this pid namespace");
  }
  Peer peer;
  peer.process.pid = static_cast<uint32_t>(who.pid);
  peer.euid = who.uid;
  peer.egid = who.gid;
  TRY(peer.pidfd, pidfd_of(socket, who.pid));
  TRY(peer.groups, groups_of(socket));
  const std::string folder = "/proc/" + std::to_string(who.pid);
  TRY(const Stat stat, read_stat(folder));
  TRY(const std::string status, read_system_file(folder + "/status"));
  peer.process.started = stat.started;
  peer.tty = terminal_of(stat.tty);
  TRY(peer.uid, id_of(status, "Uid", kReal));
  TRY(peer.gid, id_of(status, "Gid", kReal));
  peer.login_uid = audit_number(folder + "/loginuid");
  peer.audit_session = audit_number(folder + "/sessionid");
  peer.cwd = link_target(folder + "/cwd");
  if (!peer.is_alive()) {
    return fail(Code::kNotFound, "the process at the other end of a socket is gone");
  }
  return peer;
}

}  // namespace stele::os
