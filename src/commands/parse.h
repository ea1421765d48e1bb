// From a record of the kernel's to events. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "event/event.h"
#include "os/peer.h"

namespace stele::commands {

inline constexpr uint32_t kUnset = 0xffffffff;  // a login uid or audit session that is not set

/// Somebody is on a terminal, and nobody follows the process.
struct OnTerminal {
  uint32_t audit_session = 0, terminal = 0;  // the terminal's number: both tell it from others
  std::string tty;                           // its name
  uint32_t login_uid = 0, uid = 0, pid = 0, parent = 0;
  std::string program;    // the first that was executed there, as it was named to the kernel
  std::string user = {};  // whom utmp(5) names there, where no login uid is set
  bool operator==(const OnTerminal&) const = default;
};

/// An sshd of root's, or one that it made, connects or listens.
struct Forwarded {
  os::ProcessKey sshd;
  event::Forward what;
};

/// What was seen of one session, or of nobody's.
struct Seen {
  uint64_t session = 0;  // as Watch::follow() named it
  BootTime at;
  std::vector<event::Body> bodies;           // of one moment, in this order
  std::optional<OnTerminal> terminal = {};   // of no session
  std::optional<event::Exit> recorder = {};  // the process that was followed first ended so
  std::optional<Forwarded> forward = {};     // of no session yet
};

/// kCorrupt: not a record (kernel_record.h). A privilege comes before the exec or exit that showed
/// it. Terminals are left as numbers' names by `terminal`.
Result<Seen> parse_record(ByteSpan record, std::string (*terminal)(uint32_t number));

}  // namespace stele::commands
