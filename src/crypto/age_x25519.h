// The X25519 recipient stanza (age.md): one wrapped copy of a file key.
#pragma once

#include <optional>

#include "base/random.h"
#include "crypto/age_header.h"
#include "crypto/age_key.h"

namespace stele::crypto {

using AgeFileKey = SecretArray<16>;

/// Draws 32 bytes for the ephemeral secret. kInvalid: a recipient of low order.
Result<AgeStanza> wrap_file_key(const AgeFileKey& file_key, const Recipient& recipient,
                                const RandomSource& random);

/// An X25519 stanza whose form has been checked.
struct X25519Stanza {
  RawPublicKey share{};
  std::array<uint8_t, 32> body{};
};

bool is_x25519(const AgeStanza& stanza);
/// kCorrupt: not exactly a share and a body of 32 bytes each. Give it only what is_x25519().
Result<X25519Stanza> parse_x25519(const AgeStanza& stanza);

/// nullopt: wrapped for somebody else. kCorrupt: a share of low order.
Result<std::optional<AgeFileKey>> unwrap_file_key(const X25519Stanza& stanza,
                                                  const Identity& identity);

}  // namespace stele::crypto
