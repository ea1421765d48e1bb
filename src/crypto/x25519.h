// X25519 key agreement (RFC 7748), for age.
#pragma once

#include <optional>

#include "crypto/evp.h"
#include "crypto/secret.h"

namespace stele::crypto {

class X25519Key {
 public:
  /// Any 32 bytes make a key: RFC 7748 clamps them.
  explicit X25519Key(const Key32& secret);

  Key32 secret() const { return secret_half(key_); }
  const RawPublicKey& public_key() const { return public_key_; }
  /// nullopt where the peer's key is of low order, so that the secret would be all zeros (RFC 7748
  /// §6.1).
  std::optional<Key32> shared_secret(const RawPublicKey& peer) const;

 private:
  EvpKey key_;
  RawPublicKey public_key_;
};

}  // namespace stele::crypto
