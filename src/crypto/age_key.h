// The keys of age (age.md, "The X25519 recipient type"): recipients to seal to, identities to open
// with.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "crypto/secret.h"
#include "crypto/x25519.h"

namespace stele::crypto {

/// Somebody's public key, "age1…".
class Recipient {
 public:
  /// Exactly the spelling of to_string(). kUnsupported: a recipient of another type (post-quantum,
  /// tagged, plugin); kInvalid: not a recipient, or a key that nobody can hold the other half of.
  static Result<Recipient> parse(std::string_view text);
  std::string to_string() const;

  const RawPublicKey& bytes() const { return bytes_; }
  auto operator<=>(const Recipient&) const = default;

 private:
  friend class Identity;
  explicit Recipient(const RawPublicKey& bytes) : bytes_(bytes) {}

  RawPublicKey bytes_;
};

/// A secret key, "AGE-SECRET-KEY-1…". Move-only.
class Identity {
 public:
  /// Exactly the spelling of to_text(). kUnsupported: an identity of another type; kInvalid: none
  /// at all. The error never repeats the text.
  static Result<Identity> parse(std::string_view text);
  static Identity generate(const RandomSource& random);

  /// One line without its line feed, to be saved.
  SecretBytes to_text() const;
  Recipient recipient() const { return Recipient(key_.public_key()); }
  const X25519Key& key() const { return key_; }

 private:
  explicit Identity(const Key32& secret) : key_(secret) {}

  X25519Key key_;
};

inline constexpr size_t kIdentityFileBytesMax = 64 << 10;

/// One identity a line; empty lines and lines that begin with '#' are skipped, as age-keygen writes
/// them. Errors name the line; kUnsupported as well for a file that is itself encrypted; kInvalid
/// if no identity is in it.
Result<std::vector<Identity>> parse_identity_file(std::string_view text);

}  // namespace stele::crypto
