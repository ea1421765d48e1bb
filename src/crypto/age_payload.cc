#include "crypto/age_payload.h"

#include <algorithm>

#include "crypto/aead.h"
#include "crypto/hkdf.h"

namespace stele::crypto {
namespace {

constexpr size_t kSealedChunkBytes = kAgeChunkBytes + kAeadTagBytes;

// An empty payload still has one chunk.
size_t chunk_count(size_t bytes, size_t chunk_bytes) {
  return bytes == 0 ? 1 : (bytes - 1) / chunk_bytes + 1;
}

// An 11-byte big-endian counter, and 1 in the last byte for the final chunk.
AeadNonce chunk_nonce(uint64_t counter, bool final_chunk) {
  AeadNonce nonce{};
  for (size_t i = 0; i < 8; ++i) nonce[10 - i] = static_cast<uint8_t>(counter >> (8 * i));
  nonce[11] = final_chunk ? 1 : 0;
  return nonce;
}

Key32 payload_key(const AgeFileKey& file_key, const AgePayloadNonce& nonce) {
  return hkdf_sha256(file_key.span(), nonce, "payload");
}

template <typename Span>
Span chunk(Span bytes, size_t index, size_t chunk_bytes) {
  const size_t start = index * chunk_bytes;
  return bytes.subspan(start, std::min(chunk_bytes, bytes.size() - start));
}

}  // namespace

size_t sealed_payload_bytes(size_t plaintext_bytes) {
  return plaintext_bytes + chunk_count(plaintext_bytes, kAgeChunkBytes) * kAeadTagBytes;
}

void seal_payload(const AgeFileKey& file_key, const AgePayloadNonce& nonce, ByteSpan plaintext,
                  Bytes& out) {
  const Key32 key = payload_key(file_key, nonce);
  Aead cipher(Aead::Cipher::kChaCha20Poly1305);
  out.insert(out.end(), nonce.begin(), nonce.end());
  const size_t start = out.size();
  out.resize(start + sealed_payload_bytes(plaintext.size()));
  const MutableByteSpan sealed = MutableByteSpan(out).subspan(start);
  const size_t count = chunk_count(plaintext.size(), kAgeChunkBytes);
  for (size_t i = 0; i < count; ++i) {
    cipher.seal(key.span(), chunk_nonce(i, i + 1 == count), chunk(plaintext, i, kAgeChunkBytes), {},
                chunk(sealed, i, kSealedChunkBytes));
  }
}

Result<SecretBytes> open_payload(const AgeFileKey& file_key, const AgePayloadNonce& nonce,
                                 ByteSpan chunks) {
  const size_t count = chunk_count(chunks.size(), kSealedChunkBytes);
  const size_t last_bytes = chunks.size() - (count - 1) * kSealedChunkBytes;
  if (last_bytes < kAeadTagBytes) return fail(Code::kUnauthentic, "age payload: cut short");
  // Only an empty payload ends in an empty chunk: else one plaintext would have two spellings.
  if (last_bytes == kAeadTagBytes && count > 1) {
    return fail(Code::kUnauthentic, "age payload: an empty last chunk");
  }
  const Key32 key = payload_key(file_key, nonce);
  Aead cipher(Aead::Cipher::kChaCha20Poly1305);
  SecretBytes plaintext(chunks.size() - count * kAeadTagBytes);
  for (size_t i = 0; i < count; ++i) {
    if (!cipher.open(key.span(), chunk_nonce(i, i + 1 == count),
                     chunk(chunks, i, kSealedChunkBytes), {},
                     chunk(plaintext.writable(), i, kAgeChunkBytes))) {
      return fail(Code::kUnauthentic, "age payload: chunk " + std::to_string(i) + " of " +
                                          std::to_string(count) + " is not authentic");
    }
  }
  return plaintext;
}

}  // namespace stele::crypto
