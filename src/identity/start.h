// Who is at the terminal, where, and how each fact is known: the session's first event.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "event/event.h"
#include "identity/arrival.h"
#include "os/peer.h"

namespace stele::identity {

/// What only the caller knows.
struct Told {
  std::string title;
  std::vector<std::string> argv;         // the command that will run
  std::vector<std::string> environment;  // of this process, "NAME=value"
  event::InputPolicy input_policy = event::InputPolicy::kRedact;
  std::string recorder;  // "stele 0.1.0"
  Claims claims = {};
  std::optional<PamWord> word = {};  // where there is one, of what is claimed
  Trust trust = {};
};

/// What the environment claims, and what lies in the file that it names if that is this user's own.
Claims claims_of(const std::vector<std::string>& environment);

/// Asks the kernel and the user database about this process. From the kernel: ids, groups, login
/// uid, audit session, terminal and its size, host, boot, kernel release, directory, the processes
/// that it descends from. From the user database: names. From the environment, so only claims: the
/// terminal's type, parent_session, which is kept only if it has the form of a session id, and
/// `told.claims`. What is not to be had stays empty. Marked: `known`.
Result<event::Start> gather_start(const Told& told);

/// The same about another process of this machine: who it is, the kernel says (os/peer.h); `told`,
/// whose `environment` is that process's, and `at` are all that is taken from it.
struct Place {
  std::string cwd;  // where the kernel does not tell this process
  event::WindowSize size;
};
event::Start gather_start_of(const os::Peer& peer, const Told& told, const Place& at);

/// /proc/self/loginuid and /proc/self/sessionid: a decimal number; 4294967295 says "unset"
/// (audit(7)), and so does whatever is not a number.
std::optional<uint32_t> parse_audit_number(std::string_view text);

/// The value of a variable; empty if it is not set.
std::string variable(const std::vector<std::string>& environment, std::string_view name);

}  // namespace stele::identity
