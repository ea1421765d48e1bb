// UTF-8 (RFC 3629): what is valid, and how to make text of bytes that may not be.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace stele::codec {

/// U+FFFD, which stands for what was not UTF-8: one for each longest run of bytes that begins a
/// character and does not end it, and for each byte that can begin none (Unicode §3.9, as browsers
/// and Python do).
inline constexpr std::string_view kReplacement = "\xef\xbf\xbd";

/// Size of the character that `text` begins with, 1 to 4 bytes; 0: it begins with none, or with one
/// cut short.
size_t utf8_sequence(std::string_view text);
bool is_utf8(std::string_view text);
/// The text with each thing that is not UTF-8 replaced.
std::string to_utf8(std::string_view text);
/// A code point below 2^21; a surrogate is not UTF-8 then.
void append_utf8(char32_t code_point, std::string& out);

/// to_utf8() for a stream of bytes cut anywhere: a character that one piece begins, the next may
/// complete.
class Utf8Decoder {
 public:
  /// Appends to `out` all that is decided by the bytes so far.
  void decode(ByteSpan bytes, std::string& out);
  /// Ends the stream: what was begun and not completed is replaced. Another stream may follow.
  void finish(std::string& out);
  bool has_partial() const { return partial_size_ > 0; }

 private:
  size_t complete(std::string_view text, std::string& out);

  std::array<char, 4> partial_{};  // the beginning of a character
  size_t partial_size_ = 0;
};

}  // namespace stele::codec
