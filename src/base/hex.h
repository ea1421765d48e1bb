// Lower-case hexadecimal and strict, canonical base64 (RFC 4648 §4).
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace stele {

std::string to_hex(ByteSpan bytes);
/// Takes lower-case digits only; an odd length or any other character is kCorrupt.
Result<Bytes> from_hex(std::string_view text);

enum class Padding { kRequired, kForbidden };

std::string to_base64(ByteSpan bytes, Padding padding = Padding::kRequired);
/// Refuses every second spelling: missing or extra padding, stray characters, non-zero trailing
/// bits.
Result<Bytes> from_base64(std::string_view text, Padding padding = Padding::kRequired);

}  // namespace stele
