#include "receipt/proof.h"

#include "base/hex.h"
#include "receipt/text.h"

namespace stele::receipt {
namespace {

constexpr std::string_view kFirstLine = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";
constexpr size_t kReceiptBytesMax = kNoteBytesMax + 2 * kExtraBytesMax + (size_t{8} << 10);

Result<Bytes> parse_extra(std::string_view base64) {
  TRY(auto extra, from_base64(base64));
  if (extra.empty()) return fail(Code::kCorrupt, "receipt: an extra line without data");
  if (extra.size() > kExtraBytesMax)
    return fail(Code::kLimit, "receipt: over 64 KiB of extra data");
  return extra;
}

/// Takes lines up to and with the empty one.
Result<merkle::Proof> take_proof(std::string_view& text) {
  merkle::Proof proof;
  while (true) {
    TRY(const auto line, take_line(text));
    if (line.empty()) return proof;
    if (proof.size() == merkle::kProofHashesMax)
      return fail(Code::kLimit, "receipt: too many hashes");
    const auto hash = from_base64(line);
    if (!hash || hash->size() != merkle::kHashBytes)
      return fail(Code::kCorrupt, "receipt: not a hash in base64");
    proof.push_back(ByteReader(*hash).array<merkle::kHashBytes>());
  }
}

}  // namespace

std::string encode(const Receipt& receipt) {
  std::string out = std::string(kFirstLine) + "\n";
  if (!receipt.extra.empty()) out += std::string(kExtra) + to_base64(receipt.extra) + "\n";
  out += std::string(kIndex) + std::to_string(receipt.index) + "\n";
  for (const Hash& hash : receipt.proof) out += to_base64(hash) + "\n";
  return out + "\n" + receipt.checkpoint;
}

Result<Receipt> parse_receipt(ByteSpan bytes) {
  if (bytes.size() > kReceiptBytesMax) return fail(Code::kLimit, "receipt: too large");
  std::string_view text = as_text(bytes);
  Receipt receipt;
  TRY(const auto first, take_line(text));
  if (first != kFirstLine)
    return fail(Code::kCorrupt, "receipt: does not begin with c2sp.org/tlog-proof@v1");
  TRY(auto line, take_line(text));
  if (line.starts_with(kExtra)) {
    TRY(receipt.extra, parse_extra(line.substr(kExtra.size())));
    TRY(line, take_line(text));
  }
  if (!line.starts_with(kIndex)) return fail(Code::kCorrupt, "receipt: no index");
  TRY(receipt.index, parse_decimal(line.substr(kIndex.size()), merkle::kSizeMax));
  TRY(receipt.proof, take_proof(text));
  TRY(const Note note, parse_note(as_bytes(text)));
  TRY_VOID(parse_checkpoint(note.text));
  receipt.checkpoint = text;
  return receipt;
}

Result<Checkpoint> verify_receipt(const Receipt& receipt, ByteSpan entry,
                                  const VerifierKey& log_key) {
  TRY(auto checkpoint, open_checkpoint(as_bytes(receipt.checkpoint), log_key));
  TRY_VOID(merkle::verify_inclusion(receipt.index, checkpoint.size, merkle::leaf_hash(entry),
                                    receipt.proof, checkpoint.root));
  return checkpoint;
}

}  // namespace stele::receipt
