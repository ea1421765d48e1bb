// HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869), for age.
#pragma once

#include <string_view>

#include "crypto/secret.h"

namespace stele::crypto {

Hash hmac_sha256(ByteSpan key, ByteSpan message);

/// Extract, then expand to 32 bytes. An empty salt stands for 32 zero bytes.
Key32 hkdf_sha256(ByteSpan key_material, ByteSpan salt, std::string_view info);

}  // namespace stele::crypto
