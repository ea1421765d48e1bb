#include "crypto/hkdf.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/check.h"

namespace stele::crypto {

Hash hmac_sha256(ByteSpan key, ByteSpan message) {
  Hash mac;
  unsigned size = 0;
  CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
             mac.data(), &size) != nullptr);
  CHECK(size == mac.size());
  return mac;
}

Key32 hkdf_sha256(ByteSpan key_material, ByteSpan salt, std::string_view info) {
  Hash pseudorandom_key = hmac_sha256(salt, key_material);
  // 32 bytes are one block of the expansion: T(1) = HMAC(PRK, info ‖ 0x01), RFC 5869 §2.3.
  Bytes block(info.begin(), info.end());
  block.push_back(1);
  Hash output = hmac_sha256(pseudorandom_key, block);
  Key32 key{std::span<const uint8_t, 32>(output)};
  wipe(pseudorandom_key);
  wipe(output);
  return key;
}

}  // namespace stele::crypto
