// The text header of an age file (age.md, "Header"): stanzas that each wrap the file key, and a
// MAC.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace stele::crypto {

inline constexpr size_t kAgeHeaderBytesMax = 64 << 10;

struct AgeStanza {
  std::vector<std::string> arguments;  // at least one, the stanza's type
  Bytes body;
  bool operator==(const AgeStanza&) const = default;
};

/// The parts of an age file. The spans point into the file.
struct AgeFile {
  std::vector<AgeStanza> stanzas;  // at least one
  ByteSpan authenticated;          // what the MAC covers: the header's beginning to "---"
  Hash mac{};
  std::array<uint8_t, 16> nonce{};  // of the payload
  ByteSpan chunks;                  // the rest of the payload
};

/// kCorrupt: not an age header, or cut short before the payload's nonce ends; kUnsupported: ASCII
/// armor, or another version; kLimit: a header over kAgeHeaderBytesMax. A header has no second
/// spelling.
Result<AgeFile> parse_age_file(ByteSpan file);

/// The header of these stanzas up to and including "---": what the MAC covers.
std::string encode_age_stanzas(const std::vector<AgeStanza>& stanzas);
/// " " MAC LF: the end of the header.
std::string encode_age_mac(const Hash& mac);

}  // namespace stele::crypto
