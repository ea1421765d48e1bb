#include "crypto/md5.h"

#include <openssl/evp.h>

namespace stele::crypto {

Result<std::array<uint8_t, 16>> md5(ByteSpan bytes) {
  std::array<uint8_t, 16> digest{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_md5(), nullptr) != 1)
    return fail(Code::kUnsupported, "MD5 is not to be had here");
  return digest;
}

}  // namespace stele::crypto
