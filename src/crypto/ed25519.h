// Ed25519 signatures (RFC 8032), the pure variant.
#pragma once

#include <array>
#include <compare>

#include "base/random.h"
#include "crypto/evp.h"
#include "crypto/secret.h"

namespace stele::crypto {

inline constexpr size_t kSignatureBytes = 64;
using Signature = std::array<uint8_t, kSignatureBytes>;

struct PublicKey {
  RawPublicKey bytes{};
  auto operator<=>(const PublicKey&) const = default;
};

/// A key pair. Signing is safe from several threads at once.
class SigningKey {
 public:
  /// From a 32-byte seed (RFC 8032's secret key); any 32 bytes make a key, another size is a bug.
  explicit SigningKey(ByteSpan seed);
  static SigningKey generate(const RandomSource& random);

  /// The 32 bytes to save.
  SecretBytes seed() const;
  const PublicKey& public_key() const { return public_key_; }
  Signature sign(ByteSpan message) const;

 private:
  EvpKey key_;
  PublicKey public_key_;
};

/// False for any signature that is not this key's over this message, whatever its size.
bool verify(const PublicKey& key, ByteSpan message, ByteSpan signature);

}  // namespace stele::crypto
