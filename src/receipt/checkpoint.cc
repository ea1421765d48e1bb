#include "receipt/checkpoint.h"

#include "base/hex.h"
#include "merkle/hash.h"
#include "receipt/text.h"

namespace stele::receipt {
namespace {

Result<Hash> parse_root(std::string_view line) {
  const auto bytes = from_base64(line);
  if (!bytes || bytes->size() != merkle::kHashBytes) {
    return fail(Code::kCorrupt, "checkpoint: the root is not 32 bytes in base64");
  }
  return ByteReader(*bytes).array<merkle::kHashBytes>();
}

}  // namespace

std::string encode(const Checkpoint& checkpoint) {
  return checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" +
         to_base64(checkpoint.root) + "\n";
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  if (!is_note_text(text))
    return fail(Code::kCorrupt, "checkpoint: not UTF-8, or has a control character");
  TRY(const auto origin, take_line(text));
  if (origin.empty() || origin.size() > kNameBytesMax) {
    return fail(Code::kCorrupt, "checkpoint: its origin is empty or over 255 bytes");
  }
  TRY(const auto size_line, take_line(text));
  const auto size = parse_decimal(size_line, merkle::kSizeMax);
  if (!size) return fail(Error(size.error()).within("checkpoint: size"));
  TRY(const auto root_line, take_line(text));
  TRY(const Hash root, parse_root(root_line));
  while (!text.empty()) {
    TRY(const auto extension, take_line(text));
    if (extension.empty()) return fail(Code::kCorrupt, "checkpoint: an empty extension line");
  }
  if (*size == 0 && root != merkle::empty_root()) {
    return fail(Code::kCorrupt, "checkpoint: not the root of an empty tree");
  }
  return Checkpoint{std::string(origin), *size, root};
}

Result<std::string> sign_checkpoint(const Checkpoint& checkpoint, const NoteSigner& signer) {
  if (checkpoint.origin != signer.key().name) {
    return fail(Code::kInvalid,
                "checkpoint: " + signer.key().name + " does not sign for " + checkpoint.origin);
  }
  return signer.sign(encode(checkpoint));
}

Result<Checkpoint> open_checkpoint(ByteSpan note, const VerifierKey& log_key) {
  if (log_key.type != KeyType::kNote)
    return fail(Code::kInvalid, "a cosigner's key where the log's should be");
  TRY(const auto opened, open_note(note, {&log_key, 1}));
  TRY(auto checkpoint, parse_checkpoint(opened.text));
  if (checkpoint.origin != log_key.name) {
    return fail(Code::kUnauthentic,
                "checkpoint: of " + checkpoint.origin + ", but signed by " + log_key.name);
  }
  return checkpoint;
}

}  // namespace stele::receipt
