// Inside of ssh_key.cc and its tests: which keys' signatures can be checked.
#pragma once

#include "base/result.h"
#include "crypto/ssh_key.h"

namespace stele::crypto {

/// Whether verify_ssh() knows keys of this kind: kCorrupt, kUnsupported.
Status check_ssh_signer(ByteSpan key_blob);

}  // namespace stele::crypto
