#include "receipt/key.h"

#include "base/hex.h"
#include "crypto/sha256.h"
#include "receipt/text.h"

namespace stele::receipt {
namespace {

constexpr size_t kLineBytesMax = 1024;

Bytes with_type(const VerifierKey& key) {
  Bytes out{static_cast<uint8_t>(key.type)};
  ByteWriter(out).bytes(key.key.bytes);
  return out;
}

std::string id_hex(const VerifierKey& key) {
  Bytes out;
  ByteWriter(out).u32(key.id());
  return to_hex(out);
}

}  // namespace

uint32_t VerifierKey::id() const {
  const Hash hash = crypto::sha256({as_bytes(name), as_bytes("\n"), with_type(*this)});
  return ByteReader(hash).u32();
}

std::string VerifierKey::to_string() const {
  return name + "+" + id_hex(*this) + "+" + to_base64(with_type(*this));
}

Result<VerifierKey> VerifierKey::parse(std::string_view line) {
  const auto wrong = [](const char* what) {
    return fail(Code::kCorrupt, std::string("verifier key: ") + what);
  };
  const size_t plus = line.find('+');
  const size_t second = plus == std::string_view::npos ? plus : line.find('+', plus + 1);
  if (line.size() > kLineBytesMax || second == std::string_view::npos)
    return wrong("not name+id+key");
  VerifierKey out;
  out.name = line.substr(0, plus);
  if (!is_key_name(out.name))
    return wrong("its name is empty, too long, or has a space or a strange character");
  const auto material = from_base64(line.substr(second + 1));
  if (!material || material->empty()) return wrong("its key is not base64");
  out.type = static_cast<KeyType>((*material)[0]);
  if (out.type != KeyType::kNote && out.type != KeyType::kCosignature) {
    return fail(Code::kUnsupported,
                "verifier key: neither Ed25519 (01) nor an Ed25519 cosigner (04)");
  }
  if (material->size() != 1 + out.key.bytes.size()) return wrong("not 32 bytes of key");
  std::copy(material->begin() + 1, material->end(), out.key.bytes.begin());
  if (line.substr(plus + 1, second - plus - 1) != id_hex(out))
    return wrong("its id is not that of its name and key");
  return out;
}

}  // namespace stele::receipt
