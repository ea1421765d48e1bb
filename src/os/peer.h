// Who is at the other end of a Unix socket, as the kernel tells it. Nothing here is the peer's
// word.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace stele::os {

/// A process, told from every other of this boot: a pid may be used again, not at the same time.
struct ProcessKey {
  uint32_t pid = 0;
  uint64_t started = 0;  // clock ticks after boot (proc_pid_stat(5), field 22)
  bool operator==(const ProcessKey&) const = default;
};

struct Peer {
  ProcessKey process;
  uint32_t uid = 0, gid = 0;                         // real
  uint32_t euid = 0, egid = 0;                       // when it connected
  std::vector<uint32_t> groups;                      // supplementary, when it connected
  std::optional<uint32_t> login_uid, audit_session;  // none: unset
  std::string tty;  // its controlling terminal, e.g. /dev/pts/3; empty: none
  std::string cwd;  // empty: this process may not look
  Fd pidfd;

  /// Whether the process still lives (a zombie does not).
  bool is_alive() const;
};

/// The process that connected a socket. By SO_PEERCRED and SO_PEERGROUPS, and /proc of that pid,
/// held by SO_PEERPIDFD (Linux 6.5) or else pidfd_open(2): the pidfd shows afterwards that all that
/// was read was this process's, or it is kNotFound: it is gone. kUnsupported: it is of another pid
/// namespace. Without SO_PEERPIDFD one doubt is
/// left: a process that hands its socket to a child and dies between connecting and being asked may
/// be taken for another of the same uid that got its pid in that time.
Result<Peer> peer_of(int socket);

/// Whether this very process still runs (a zombie does not). What cannot be asked counts as alive.
bool is_alive(const ProcessKey& process);

/// Whether this process counts processes as the kernel does: it is in no PID namespace but the
/// first.
bool sees_kernel_pids();

/// A process that another descends from.
struct Ancestor {
  ProcessKey process;
  std::string name;        // at most 15 bytes, which it may have chosen itself
  std::string executable;  // its path; empty: this process may not look
  uint32_t uid = 0, euid = 0;
};
inline constexpr size_t kAncestorsMax = 64;

/// That process itself.
Result<Ancestor> look_at(uint32_t pid);

/// The parent of a process, that one's, and so on: as far as they could be told for sure.
std::vector<Ancestor> ancestors_of(uint32_t pid);

/// This process's own pid.
uint32_t own_pid();

/// The control group of a process: of cgroup v2, or else the first of v1; empty: not known.
std::string control_group_of(uint32_t pid);

/// The processes that this one made, and those that they made, as they are now. Whoever lost its
/// parent is not among them.
std::vector<uint32_t> descendants_of(uint32_t pid);

/// A process with a controlling terminal.
struct ProcessOnTerminal {
  uint32_t pid = 0, parent = 0, uid = 0;      // real
  uint32_t login_uid = 0, audit_session = 0;  // 4294967295: not set
  uint32_t terminal = 0;                      // as terminal_of() takes it
  uint64_t started = 0;                       // clock ticks after boot
  std::string program;  // its executable; its name, where that is not to be had
};
/// Of all of them, as they are now.
std::vector<ProcessOnTerminal> processes_on_terminals();

/// The name of a terminal by its number in proc_pid_stat(5), field 7.
std::string terminal_of(uint32_t number);

}  // namespace stele::os
