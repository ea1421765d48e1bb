// Cosignatures: somebody's statement that, at a time, this was the largest consistent tree they had
// seen of a log (C2SP tlog-cosignature, Ed25519, type 04).
#pragma once

#include "receipt/note.h"

namespace stele::receipt {

/// The time of the cosignature: `signature` is a Signature's bytes, `text` the note's it stands
/// under. kUnauthentic: it is not this key's over this text.
Result<std::chrono::sys_seconds> verify_cosignature(const VerifierKey& key, std::string_view text,
                                                    ByteSpan signature);

/// A witness's name and key. Checking that the log only grew, before cosigning, is the caller's
/// part. One key must not serve two cosigners: what is signed does not name them.
class Cosigner {
 public:
  /// kInvalid: that can not be a key's name.
  static Result<Cosigner> make(std::string name, crypto::SigningKey key);

  const VerifierKey& key() const { return public_; }
  /// A signature line for the note of this checkpoint's text. kInvalid: no checkpoint, or a time
  /// before 1970.
  Result<Signature> sign(std::string_view checkpoint_text, std::chrono::sys_seconds time) const;

 private:
  Cosigner(VerifierKey public_half, crypto::SigningKey key)
      : public_(std::move(public_half)), key_(std::move(key)) {}
  VerifierKey public_;
  crypto::SigningKey key_;
};

}  // namespace stele::receipt
