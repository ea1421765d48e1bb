// OpenSSH's certificates, version 01 (its PROTOCOL.certkeys): of users and hosts.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "crypto/ssh_key.h"

namespace stele::crypto {

/// A critical option or an extension. The value as its makers write it: without the inner size,
/// where it has one.
struct SshOption {
  std::string name, value;
  bool operator==(const SshOption&) const = default;
};

struct SshCertificate {
  enum class Kind : uint32_t { kUser = 1, kHost = 2 };

  std::string type;  // e.g. "ssh-ed25519-cert-v01@openssh.com"
  Kind kind = Kind::kUser;
  Bytes key;  // the public key that it certifies, as a blob of its own
  uint64_t serial = 0;
  std::string key_id;
  std::vector<std::string> principals;
  uint64_t valid_after = 0, valid_before = 0;  // seconds since 1970; the first included
  std::vector<SshOption> critical_options, extensions;
  Bytes authority;         // the public key that signed
  Bytes signature;         // its blob
  size_t signed_size = 0;  // so many of the certificate's first bytes are signed
};

inline constexpr size_t kSshPrincipalsMax = 256, kSshOptionsMax = 256;

/// What a certificate says; nothing of it is proven. kCorrupt: not a certificate; kLimit: over
/// 16 KiB, or more principals or options than 256.
Result<SshCertificate> parse_ssh_certificate(ByteSpan blob);

/// Whether a user's certificate held at this time, signed by one of the authorities. kUnauthentic:
/// a host's, signed by another, tampered with, not yet or no longer valid, and which of them;
/// kUnsupported: a signature of a kind that is not checked.
Status verify_user_certificate(const SshCertificate& certificate, ByteSpan blob,
                               const std::vector<Bytes>& authorities, WallTime at);

}  // namespace stele::crypto
