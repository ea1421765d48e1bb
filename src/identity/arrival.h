// How somebody came to a session's terminal: by which service and from where, with which SSH key,
// and as whom before they became another.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "event/event.h"
#include "os/peer.h"

namespace stele::identity {

/// What is claimed: of the environment, or of a file that the person's own account can write.
struct Claims {
  std::string connection;       // $SSH_CONNECTION
  std::string invoker;          // $SUDO_USER
  std::string proof;            // what is in the file that $SSH_USER_AUTH names
  std::string forwarded_agent;  // $SSH_AUTH_SOCK
};
inline constexpr size_t kProofBytesMax = size_t{24} << 10, kClaimBytesMax = 256;

/// What root's side of a login knows, by PAM, in place of what is claimed of the same.
struct PamWord {
  std::string service;      // not empty
  std::string remote_host;  // may be empty, as what follows
  std::string connection;   // $SSH_CONNECTION
  std::string proof;        // $SSH_AUTH_INFO_0
};

/// Whose signatures on SSH certificates count, and when.
struct Trust {
  std::vector<Bytes> authorities;  // crypto/ssh_key.h
  WallTime now{};
};

/// Fills in what let the process in and who was behind it, and marks all of `start` by where it is
/// known from. `start` has already who it is now.
void describe_arrival(event::Start& start, uint32_t pid, const Claims& claims,
                      const std::optional<PamWord>& word, const Trust& trust);

/// How the person came, as PAM told it: that has no mark, but for what an authority signed.
void describe_word(event::Start& start, const PamWord& word, const Trust& trust);

/// The same by the process itself and its ancestors, the nearest first.
void describe_ancestors(event::Start& start, const std::vector<os::Ancestor>& ancestors);

/// The methods, the fingerprint, and the certificate if it is one that an authority signed, of a
/// "publickey" line of sshd's ExposeAuthInfo.
void describe_proof(event::Start& start, std::string_view proof, const Trust& trust);

/// A process's program, by its file where that may be seen: a name it may have chosen itself. All
/// of sshd's programs are `sshd`.
std::string program_of(const os::Ancestor& process);

/// Whether it is one of root's that lets somebody in from outside.
bool is_door(const os::Ancestor& process);

/// Whether a service makes one account of another: sudo, su and the like.
bool is_account_changer(std::string_view service);

/// A container's id, if its runtime put it in the control group's name: 64 digits of hex.
std::string container_in(std::string_view control_group);

}  // namespace stele::identity
