// XAES-256-GCM (C2SP): AES-256-GCM whose 24-byte nonce may be random for a practically unlimited
// number of messages.
#pragma once

#include <array>

#include "crypto/aead.h"
#include "crypto/evp.h"
#include "crypto/secret.h"

namespace stele::crypto {

inline constexpr size_t kXaesTagBytes = kAeadTagBytes;
using XaesNonce = std::array<uint8_t, 24>;

/// One key. Not thread-safe. No span given to it may lie inside `out`.
class Xaes {
 public:
  static constexpr size_t kMessageBytesMax = Aead::kMessageBytesMax;

  /// `key` is 32 bytes; another size is a bug.
  explicit Xaes(ByteSpan key);

  /// Appends ciphertext ‖ 16-byte tag. A nonce must never be used twice with one key.
  void seal(const XaesNonce& nonce, ByteSpan plaintext, ByteSpan associated, Bytes& out);
  /// Appends the plaintext. kUnauthentic: some of key, nonce, ciphertext and associated data is not
  /// what was sealed; kLimit: over kMessageBytesMax. Either way `out` is as it was.
  Status open(const XaesNonce& nonce, ByteSpan sealed, ByteSpan associated, Bytes& out);

 private:
  Key32 derive_key(const XaesNonce& nonce);
  void encrypt_blocks(ByteSpan in, MutableByteSpan out);

  EvpCipherContext block_cipher_;  // AES-256 under the key
  SecretArray<16> k1_;             // the CMAC subkey, the same for all nonces
  Aead gcm_{Aead::Cipher::kAes256Gcm};
};

}  // namespace stele::crypto
