// MD5 (RFC 1321), for services that want it as a checksum: it protects nothing.
#pragma once

#include <array>

#include "base/bytes.h"

namespace stele::crypto {

/// kUnsupported: this machine's OpenSSL does without it.
Result<std::array<uint8_t, 16>> md5(ByteSpan bytes);

}  // namespace stele::crypto
