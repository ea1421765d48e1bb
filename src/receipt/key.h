// Verifier keys: who signed, with what, and the one line that says so (C2SP signed-note, "Verifier
// keys").
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/ed25519.h"

namespace stele::receipt {

/// The signature types we do, all Ed25519: a note's text (signed-note), a checkpoint at a time
/// (tlog-cosignature).
enum class KeyType : uint8_t { kNote = 0x01, kCosignature = 0x04 };

struct VerifierKey {
  std::string name;
  KeyType type = KeyType::kNote;
  crypto::PublicKey key;

  /// The first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ key), big-endian.
  uint32_t id() const;
  /// "name+hex(id)+base64(type ‖ key)", without newline.
  std::string to_string() const;
  /// kCorrupt: not a verifier key, or the id is not that of the rest. kUnsupported: a type of key
  /// we do not do.
  static Result<VerifierKey> parse(std::string_view line);

  auto operator<=>(const VerifierKey&) const = default;
};

}  // namespace stele::receipt
