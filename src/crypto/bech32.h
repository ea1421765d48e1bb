// Bech32 (BIP 173, without its limit of 90 characters): the text form of age keys.
#pragma once

#include <string>
#include <string_view>

#include "crypto/secret.h"

namespace stele::crypto {

struct Bech32 {
  std::string prefix;  // the human-readable part, in the case it was written in
  SecretBytes data;
};

inline constexpr size_t kBech32TextBytesMax = 8192;

/// In the case of the prefix, which is all lower or all upper case.
SecretBytes encode_bech32(std::string_view prefix, ByteSpan data);
/// kInvalid, in words that do not repeat the text. Each value has one spelling in either case.
Result<Bech32> decode_bech32(std::string_view text);

}  // namespace stele::crypto
