// The two AEAD ciphers that XAES-256-GCM and age are made of: AES-256-GCM (SP 800-38D) and
// ChaCha20-Poly1305 (RFC 8439). Both: 32-byte key, 12-byte nonce, 16-byte tag behind the
// ciphertext.
#pragma once

#include "crypto/evp.h"
#include "crypto/secret.h"

namespace stele::crypto {

inline constexpr size_t kAeadTagBytes = 16;
using AeadNonce = std::array<uint8_t, 12>;

/// Messages and associated data up to 1 GiB. Not thread-safe: holds a context of OpenSSL's to work
/// in.
class Aead {
 public:
  enum class Cipher { kAes256Gcm, kChaCha20Poly1305 };
  static constexpr size_t kMessageBytesMax = size_t{1} << 30;

  explicit Aead(Cipher cipher);

  /// `out` holds plaintext.size() + kAeadTagBytes.
  void seal(std::span<const uint8_t, 32> key, const AeadNonce& nonce, ByteSpan plaintext,
            ByteSpan associated, MutableByteSpan out);
  /// `out` holds sealed.size() - kAeadTagBytes; it is all zeros after false, which says: not
  /// authentic.
  bool open(std::span<const uint8_t, 32> key, const AeadNonce& nonce, ByteSpan sealed,
            ByteSpan associated, MutableByteSpan out);

 private:
  void start(bool encrypt, std::span<const uint8_t, 32> key, const AeadNonce& nonce,
             ByteSpan associated);
  void process(ByteSpan in, uint8_t* out);

  EvpCipherContext context_;
};

}  // namespace stele::crypto
