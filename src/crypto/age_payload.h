// The payload of an age file (age.md, "Payload"): 64 KiB chunks of ChaCha20-Poly1305, the STREAM
// construction.
#pragma once

#include "crypto/age_x25519.h"

namespace stele::crypto {

inline constexpr size_t kAgeChunkBytes = 64 << 10;
using AgePayloadNonce = std::array<uint8_t, 16>;

/// Size of the sealed chunks of this much plaintext.
size_t sealed_payload_bytes(size_t plaintext_bytes);

/// Appends the nonce and the chunks.
void seal_payload(const AgeFileKey& file_key, const AgePayloadNonce& nonce, ByteSpan plaintext,
                  Bytes& out);
/// All of it or nothing. kUnauthentic: changed, cut short, or grown.
Result<SecretBytes> open_payload(const AgeFileKey& file_key, const AgePayloadNonce& nonce,
                                 ByteSpan chunks);

}  // namespace stele::crypto
