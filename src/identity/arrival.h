// How somebody came to a session's terminal: by which service and from where, with which SSH key,
// and as whom before they became another.
#pragma once

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
  std::string connection;  // $SSH_CONNECTION
  std::string invoker;     // $SUDO_USER
  std::string proof;       // what is in the file that $SSH_USER_AUTH names
};
inline constexpr size_t kProofBytesMax = size_t{24} << 10, kClaimBytesMax = 256;

/// Whose signatures on SSH certificates count, and when.
struct Trust {
  std::vector<Bytes> authorities;  // crypto/ssh_key.h
  WallTime now{};
};

/// Fills in what let the process in and who was behind it, and marks all of `start` by where it is
/// known from. `start` has already who it is now.
void describe_arrival(event::Start& start, uint32_t pid, const Claims& claims, const Trust& trust);

/// The same by the process itself and its ancestors, the nearest first.
void describe_ancestors(event::Start& start, const std::vector<os::Ancestor>& ancestors);

/// The fingerprint, and the certificate if it is one that an authority signed, of a "publickey"
/// line of sshd's ExposeAuthInfo.
void describe_proof(event::Start& start, std::string_view proof, const Trust& trust);

/// Whether a service makes one account of another: sudo, su and the like.
bool is_account_changer(std::string_view service);

/// A container's id, if its runtime put it in the control group's name: 64 digits of hex.
std::string container_in(std::string_view control_group);

}  // namespace stele::identity
