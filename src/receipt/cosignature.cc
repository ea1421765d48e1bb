#include "receipt/cosignature.h"

#include <limits>

#include "receipt/checkpoint.h"
#include "receipt/text.h"

namespace stele::receipt {
namespace {

constexpr size_t kBytes = 8 + crypto::kSignatureBytes;
constexpr uint64_t kTimeMax = std::numeric_limits<int64_t>::max();  // "MUST NOT exceed 2^63 - 1"

/// "Ed25519 signed message": two lines, then the whole text of the checkpoint.
std::string message(uint64_t time, std::string_view text) {
  return "cosignature/v1\ntime " + std::to_string(time) + "\n" + std::string(text);
}

}  // namespace

Result<std::chrono::sys_seconds> verify_cosignature(const VerifierKey& key, std::string_view text,
                                                    ByteSpan signature) {
  ByteReader reader(signature);
  const uint64_t time = reader.u64();
  if (key.type != KeyType::kCosignature || signature.size() != kBytes || time > kTimeMax ||
      !crypto::verify(key.key, as_bytes(message(time, text)), reader.rest())) {
    return fail(Code::kUnauthentic, "note: the cosignature of " + key.name + " is wrong");
  }
  return std::chrono::sys_seconds(std::chrono::seconds(time));
}

Result<Cosigner> Cosigner::make(std::string name, crypto::SigningKey key) {
  if (!is_key_name(name)) return fail(Code::kInvalid, "not a name for a key: " + name);
  VerifierKey public_half{std::move(name), KeyType::kCosignature, key.public_key()};
  return Cosigner(std::move(public_half), std::move(key));
}

Result<Signature> Cosigner::sign(std::string_view checkpoint_text,
                                 std::chrono::sys_seconds time) const {
  if (!parse_checkpoint(checkpoint_text)) return fail(Code::kInvalid, "cosign: not a checkpoint");
  const int64_t seconds = time.time_since_epoch().count();
  if (seconds < 0) return fail(Code::kInvalid, "cosign: a time before 1970");
  const auto timestamp = static_cast<uint64_t>(seconds);
  Signature out{public_.name, public_.id(), {}};
  ByteWriter writer(out.bytes);
  writer.u64(timestamp);
  writer.bytes(key_.sign(as_bytes(message(timestamp, checkpoint_text))));
  return out;
}

}  // namespace stele::receipt
