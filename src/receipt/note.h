// Signed notes: text that says who signed it (C2SP signed-note).
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "receipt/key.h"

namespace stele::receipt {

inline constexpr size_t kNoteBytesMax = size_t{256} << 10;
/// The standard demands at least 16 (of up to 5 kB each); our own and those of many witnesses fit.
inline constexpr size_t kSignaturesMax = 64;

/// One signature line. Nothing is known of it until the note is opened.
struct Signature {
  std::string name;
  uint32_t key_id = 0;
  Bytes bytes;  // what follows the key id; not empty
  bool operator==(const Signature&) const = default;
};

struct Note {
  std::string text;  // ends with a newline
  std::vector<Signature> signatures;
  bool operator==(const Note&) const = default;
};

std::string encode(const Note& note);
/// The form alone: nothing in it is to be believed. kCorrupt: not a note; kLimit: over
/// kNoteBytesMax or kSignaturesMax.
Result<Note> parse_note(ByteSpan bytes);

/// A key that has signed; `time` where it is a cosigner's.
struct VerifiedSignature {
  VerifierKey key;
  std::optional<std::chrono::sys_seconds> time;
  bool operator==(const VerifiedSignature&) const = default;
};

struct OpenedNote {
  std::string text;
  std::vector<VerifiedSignature>
      verified;                       // one for each key, in the order of the lines; at least one
  std::vector<Signature> unverified;  // by keys that are not known: mean nothing
};

/// Opens a note with the keys one trusts. Signatures of other (name, id) pairs are set aside.
/// kUnauthentic: a known key's signature is wrong, or no known key signed. kInvalid: two different
/// keys have one name and id.
Result<OpenedNote> open_note(ByteSpan bytes, std::span<const VerifierKey> known);

/// A name and the Ed25519 key that signs notes under it. Signing is safe from several threads at
/// once.
class NoteSigner {
 public:
  /// kInvalid: that can not be a key's name.
  static Result<NoteSigner> make(std::string name, crypto::SigningKey key);

  const VerifierKey& key() const { return public_; }
  /// The note with this one signature. kInvalid: not note text that ends with a newline.
  Result<std::string> sign(std::string text) const;

 private:
  NoteSigner(VerifierKey public_half, crypto::SigningKey key)
      : public_(std::move(public_half)), key_(std::move(key)) {}
  VerifierKey public_;
  crypto::SigningKey key_;
};

}  // namespace stele::receipt
