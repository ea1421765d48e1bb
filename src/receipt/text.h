// What text a signed note may be made of (C2SP signed-note, "Format"), and strict decimal numbers.
#pragma once

#include <string_view>

#include "base/result.h"

namespace stele::receipt {

inline constexpr size_t kNameBytesMax = 255;

/// Valid UTF-8 with no control character below U+0020 but newline.
bool is_note_text(std::string_view text);

/// Not empty, at most kNameBytesMax, note text, no Unicode space, no '+'.
bool is_key_name(std::string_view name);

/// A decimal number without sign or leading zeros, up to `max`; else kCorrupt.
Result<uint64_t> parse_decimal(std::string_view text, uint64_t max);

/// Takes the line off the front of `text`, without its newline. kCorrupt: there is no newline.
Result<std::string_view> take_line(std::string_view& text);

}  // namespace stele::receipt
