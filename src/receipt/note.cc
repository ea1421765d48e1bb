#include "receipt/note.h"

#include <algorithm>

#include "base/hex.h"
#include "receipt/cosignature.h"
#include "receipt/text.h"

namespace stele::receipt {
namespace {

constexpr std::string_view kDash = "\xE2\x80\x94 ";  // em dash, space

std::string encode_line(const Signature& signature) {
  Bytes blob;
  ByteWriter writer(blob);
  writer.u32(signature.key_id);
  writer.bytes(signature.bytes);
  return std::string(kDash) + signature.name + " " + to_base64(blob) + "\n";
}

Result<Signature> parse_line(std::string_view line) {
  const auto wrong = [] {
    return fail(Code::kCorrupt, "note: a line behind the text is no signature");
  };
  if (!line.starts_with(kDash)) return wrong();
  line.remove_prefix(kDash.size());
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || !is_key_name(line.substr(0, space))) return wrong();
  const auto blob = from_base64(line.substr(space + 1));
  if (!blob || blob->size() < 5) return wrong();
  ByteReader reader(*blob);
  Signature out{std::string(line.substr(0, space)), reader.u32(), {}};
  out.bytes.assign(reader.rest().begin(), reader.rest().end());
  return out;
}

Result<VerifiedSignature> verify(const VerifierKey& key, std::string_view text,
                                 const Signature& signature) {
  if (key.type == KeyType::kCosignature) {
    TRY(const auto time, verify_cosignature(key, text, signature.bytes));
    return VerifiedSignature{key, time};
  }
  if (!crypto::verify(key.key, as_bytes(text), signature.bytes)) {
    return fail(Code::kUnauthentic, "note: the signature of " + key.name + " is wrong");
  }
  return VerifiedSignature{key, std::nullopt};
}

/// The known key that a signature says it is of, or nullptr.
Result<const VerifierKey*> find_key(std::span<const VerifierKey> known,
                                    const Signature& signature) {
  const VerifierKey* found = nullptr;
  for (const VerifierKey& key : known) {
    if (key.name != signature.name || key.id() != signature.key_id) continue;
    if (found != nullptr && *found != key) {
      return fail(Code::kInvalid,
                  "two different keys with the name and id of " + found->to_string());
    }
    found = &key;
  }
  return found;
}

}  // namespace

std::string encode(const Note& note) {
  std::string out = note.text + "\n";
  for (const Signature& signature : note.signatures) out += encode_line(signature);
  return out;
}

Result<Note> parse_note(ByteSpan bytes) {
  if (bytes.size() > kNoteBytesMax) return fail(Code::kLimit, "note: over 256 KiB");
  const std::string_view whole = as_text(bytes);
  if (!is_note_text(whole))
    return fail(Code::kCorrupt, "note: not UTF-8, or has a control character");
  const size_t blank = whole.rfind("\n\n");
  if (blank == std::string_view::npos)
    return fail(Code::kCorrupt, "note: no blank line before the signatures");
  Note note{std::string(whole.substr(0, blank + 1)), {}};
  std::string_view lines = whole.substr(blank + 2);
  if (lines.empty()) return fail(Code::kCorrupt, "note: no signature");
  while (!lines.empty()) {
    if (note.signatures.size() == kSignaturesMax)
      return fail(Code::kLimit, "note: over 64 signatures");
    TRY(const auto line, take_line(lines));
    TRY(auto signature, parse_line(line));
    note.signatures.push_back(std::move(signature));
  }
  return note;
}

Result<OpenedNote> open_note(ByteSpan bytes, std::span<const VerifierKey> known) {
  TRY(Note note, parse_note(bytes));
  OpenedNote opened;
  for (Signature& signature : note.signatures) {
    TRY(const VerifierKey* key, find_key(known, signature));
    if (key == nullptr) {
      opened.unverified.push_back(std::move(signature));
      continue;
    }
    TRY(auto verified, verify(*key, note.text, signature));
    const auto same_key = [&](const VerifiedSignature& other) { return other.key == *key; };
    if (std::any_of(opened.verified.begin(), opened.verified.end(), same_key)) continue;
    opened.verified.push_back(std::move(verified));
  }
  if (opened.verified.empty())
    return fail(Code::kUnauthentic, "note: no key that is trusted has signed it");
  opened.text = std::move(note.text);
  return opened;
}

Result<NoteSigner> NoteSigner::make(std::string name, crypto::SigningKey key) {
  if (!is_key_name(name)) return fail(Code::kInvalid, "not a name for a key: " + name);
  VerifierKey public_half{std::move(name), KeyType::kNote, key.public_key()};
  return NoteSigner(std::move(public_half), std::move(key));
}

Result<std::string> NoteSigner::sign(std::string text) const {
  if (!text.ends_with('\n') || !is_note_text(text))
    return fail(Code::kInvalid, "not the text of a note");
  const crypto::Signature bytes = key_.sign(as_bytes(text));
  return encode(
      Note{std::move(text), {{public_.name, public_.id(), Bytes(bytes.begin(), bytes.end())}}});
}

}  // namespace stele::receipt
