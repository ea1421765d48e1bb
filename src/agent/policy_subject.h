// Who a session is of, as a policy asks (docs/formats/policy.md, "Conditions"). Of a recorder's,
// all of it the kernel and the user database say.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "agent/sudo_start.h"
#include "os/peer.h"
#include "policy/decide.h"

namespace stele::agent {

/// `named_groups`: the groups that the policy asks about. Where sudo or the like records by itself,
/// that is the service.
policy::Subject subject_of(const os::Peer& peer, const std::set<std::string>& named_groups,
                           std::string host);

/// Of whoever asked sudo, as it says: by the user database, of the service `sudo`, and of no login
/// that is known.
policy::Subject subject_of(const Submitter& who, const std::set<std::string>& named_groups,
                           std::string host);

/// The name of the nearest ancestor of a process that runs as root; empty where there is none, or
/// it could not be told.
std::string service_of(uint32_t pid);

/// Of proc_pid_stat(5): the program's name (at most 15 bytes, which it may have chosen itself), and
/// its parent.
struct ProcessLine {
  std::string name;
  uint32_t parent = 0;
};
std::optional<ProcessLine> parse_stat(std::string_view stat);

/// Of proc_pid_status(5): whether it runs as root, by its real and its effective uid.
bool is_roots(std::string_view status);

}  // namespace stele::agent
