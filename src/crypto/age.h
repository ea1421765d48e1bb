// age v1 files (C2SP age.md), X25519 recipients only: secrets sealed to people.
//
// age says nothing about who sealed: whoever knows a recipient can make a file for it. Origin comes
// from signatures.
#pragma once

#include <span>

#include "base/random.h"
#include "crypto/age_key.h"
#include "crypto/age_x25519.h"

namespace stele::crypto {

inline constexpr size_t kAgeFileBytesMax = 64 << 20;  // sealed or opened in memory, whole
inline constexpr size_t kAgeRecipientsMax = 256;

/// A binary age file that each of the recipients can open alone. Draws from `random`, in this
/// order: 16 bytes of file key, 32 bytes for each recipient, 16 bytes of payload nonce; the same
/// bytes drawn make the same file. kInvalid: no recipients; kLimit: over kAgeRecipientsMax of them
/// or kAgeFileBytesMax of file.
Result<Bytes> age_encrypt(ByteSpan plaintext, std::span<const Recipient> recipients,
                          const RandomSource& random);

/// The plaintext: all of it, authenticated, or none.
/// - kNotFound: a well-formed file, sealed to none of the identities.
/// - kCorrupt: the header is not what age.md says (or a share of low order).
/// - kUnauthentic: changed or cut short after sealing ("age header: …" or "age payload: …").
/// - kUnsupported: ASCII armor, a passphrase (scrypt) file, another version than v1.
/// - kLimit: a file over kAgeFileBytesMax, or a header over kAgeHeaderBytesMax.
/// Stanzas of unknown types are skipped.
Result<SecretBytes> age_decrypt(ByteSpan file, std::span<const Identity> identities);

/// First half of age_decrypt: the file key, once the header's MAC holds. Fails as age_decrypt does
/// on the header.
Result<AgeFileKey> unwrap_age_header(const AgeFile& file, std::span<const Identity> identities);

}  // namespace stele::crypto
