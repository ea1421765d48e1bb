// What the kernel's process connector tells of all processes: who made whom, who executes, who ends
// (linux/cn_proc.h). It names processes by their numbers and says nothing else of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "os/fd.h"

namespace stele::os {

struct ProcessEvent {
  enum class What { kFork, kExec, kExit };
  What what = What::kFork;
  uint32_t pid = 0;     // the process's, never a thread's
  uint32_t parent = 0;  // kFork: who made it
  uint32_t status = 0;  // kExit: as wait(2) gives it
  BootTime at;
  bool operator==(const ProcessEvent&) const = default;
};

/// One message of the kernel's; nothing: it tells of a thread, or of something else. Its time is
/// monotonic; `to_boot` is what a boot time has more.
std::optional<ProcessEvent> parse_process_event(ByteSpan message, Micros to_boot);

class ProcessConnector {
 public:
  /// Wants CAP_NET_ADMIN, the first network and PID namespaces. kPermission, kUnsupported: not to
  /// be had here, and why.
  static Result<ProcessConnector> open();

  int fd() const { return socket_.get(); }
  struct Batch {
    std::vector<ProcessEvent> events;  // oldest first
    bool has_lost = false;             // some that came before the next batch
    bool is_empty() const { return events.empty() && !has_lost; }
  };
  /// What is there now, or the first of it.
  Batch read();

 private:
  explicit ProcessConnector(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
};

/// A process as /proc shows it now, which may be a moment after what it is asked for.
struct Running {
  uint32_t parent = 0;
  uint32_t uid = 0, euid = 0, gid = 0, egid = 0;
  uint64_t capabilities = 0;  // effective
  std::optional<uint32_t> login_uid, audit_session;
  uint32_t terminal = 0;  // as terminal_of() takes it
  std::string file, cwd;  // empty: this process may not look
  std::vector<std::string> argv;
  bool is_cut = false;  // the arguments are longer than `argv_bytes_max`
};
/// kNotFound: it is gone.
Result<Running> running(uint32_t pid, size_t argv_bytes_max);

}  // namespace stele::os
