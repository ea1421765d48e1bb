#include "crypto/age_x25519.h"

#include <algorithm>

#include "base/hex.h"
#include "crypto/aead.h"
#include "crypto/hkdf.h"

namespace stele::crypto {
namespace {

constexpr std::string_view kType = "X25519";
constexpr std::string_view kInfo = "age-encryption.org/v1/X25519";
constexpr AeadNonce kZeroNonce{};  // each wrap key seals one message

Key32 wrap_key(const Key32& shared, const RawPublicKey& share, const RawPublicKey& recipient) {
  std::array<uint8_t, 64> salt;
  std::copy(recipient.begin(), recipient.end(),
            std::copy(share.begin(), share.end(), salt.begin()));
  return hkdf_sha256(shared.span(), salt, kInfo);
}

}  // namespace

Result<AgeStanza> wrap_file_key(const AgeFileKey& file_key, const Recipient& recipient,
                                const RandomSource& random) {
  Key32 secret;
  random(secret.writable());
  const X25519Key ephemeral(secret);
  const auto shared = ephemeral.shared_secret(recipient.bytes());
  if (!shared) return fail(Code::kInvalid, "age recipient: a key that nobody can open with");
  AgeStanza stanza{{std::string(kType), to_base64(ephemeral.public_key(), Padding::kForbidden)},
                   Bytes(file_key.span().size() + kAeadTagBytes)};
  const Key32 key = wrap_key(*shared, ephemeral.public_key(), recipient.bytes());
  Aead(Aead::Cipher::kChaCha20Poly1305)
      .seal(key.span(), kZeroNonce, file_key.span(), {}, stanza.body);
  return stanza;
}

bool is_x25519(const AgeStanza& stanza) { return stanza.arguments.front() == kType; }

Result<X25519Stanza> parse_x25519(const AgeStanza& stanza) {
  X25519Stanza parsed;
  if (stanza.arguments.size() != 2) {
    return fail(Code::kCorrupt, "age header: an X25519 stanza has two arguments");
  }
  const auto share = from_base64(stanza.arguments[1], Padding::kForbidden);
  if (!share || share->size() != parsed.share.size()) {
    return fail(Code::kCorrupt,
                "age header: an X25519 share that is not 32 bytes of canonical base64");
  }
  // Before any decryption, against partitioning oracles (age.md).
  if (stanza.body.size() != parsed.body.size()) {
    return fail(Code::kCorrupt, "age header: an X25519 stanza body that is not 32 bytes");
  }
  std::copy(share->begin(), share->end(), parsed.share.begin());
  std::copy(stanza.body.begin(), stanza.body.end(), parsed.body.begin());
  return parsed;
}

Result<std::optional<AgeFileKey>> unwrap_file_key(const X25519Stanza& stanza,
                                                  const Identity& identity) {
  const auto shared = identity.key().shared_secret(stanza.share);
  if (!shared) return fail(Code::kCorrupt, "age header: an X25519 share of low order");
  const Key32 key = wrap_key(*shared, stanza.share, identity.key().public_key());
  AgeFileKey file_key;
  if (!Aead(Aead::Cipher::kChaCha20Poly1305)
           .open(key.span(), kZeroNonce, stanza.body, {}, file_key.writable())) {
    return std::nullopt;
  }
  return file_key;
}

}  // namespace stele::crypto
