#include "crypto/bech32.h"

#include <algorithm>
#include <array>

namespace stele::crypto {
namespace {

constexpr std::string_view kDigits = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr size_t kChecksumDigits = 6;

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
uint8_t lower(char c) { return static_cast<uint8_t>(is_upper(c) ? c - 'A' + 'a' : c); }

/// BIP 173's checksum: a BCH code over the prefix's high bits, 0, its low bits, and the 5-bit
/// groups.
class Checksum {
 public:
  explicit Checksum(std::string_view prefix) {
    for (char c : prefix) add(lower(c) >> 5);
    add(0);
    for (char c : prefix) add(lower(c) & 31);
  }
  void add(uint32_t group) {
    constexpr std::array<uint32_t, 5> kGenerator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                                    0x2a1462b3};
    const uint32_t top = state_ >> 25;
    state_ = (state_ & 0x1ffffff) << 5 ^ group;
    for (size_t i = 0; i < kGenerator.size(); ++i) {
      if ((top >> i & 1) != 0) state_ ^= kGenerator[i];
    }
  }
  uint32_t state() const { return state_; }

 private:
  uint32_t state_ = 1;
};

std::string_view why_not_bech32(std::string_view text, size_t separator) {
  if (text.size() > kBech32TextBytesMax) return "too long";
  if (std::any_of(text.begin(), text.end(), is_upper) &&
      std::any_of(text.begin(), text.end(), is_lower)) {
    return "upper and lower case mixed";
  }
  if (std::any_of(text.begin(), text.end(), [](char c) { return c < '!' || c > '~'; })) {
    return "a character that is not printable ASCII";
  }
  if (separator == std::string_view::npos || separator == 0) return "no prefix";
  if (text.size() - separator - 1 < kChecksumDigits) return "no checksum";
  return {};
}

Error invalid(std::string_view why) {
  return {Code::kInvalid, "not a Bech32 key: " + std::string(why)};
}

/// Joins 5-bit groups to bytes; false where what is left over is not the zero padding of the only
/// spelling.
bool join_groups(ByteSpan groups, MutableByteSpan bytes) {
  uint32_t pending = 0;
  int bits = 0;
  size_t at = 0;
  for (uint8_t group : groups) {
    pending = (pending << 5 | group) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = static_cast<uint8_t>(pending >> bits);
    }
  }
  return bits < 5 && (pending & ((1U << bits) - 1)) == 0;
}

}  // namespace

SecretBytes encode_bech32(std::string_view prefix, ByteSpan data) {
  const size_t groups = (data.size() * 8 + 4) / 5;
  SecretBytes text(prefix.size() + 1 + groups + kChecksumDigits);
  uint8_t* next = std::copy(prefix.begin(), prefix.end(), text.writable().data());
  *next++ = '1';
  Checksum checksum(prefix);
  for (size_t i = 0; i < groups; ++i) {
    const size_t at = i * 5 / 8, shift = i * 5 % 8;
    const uint32_t pair =
        static_cast<uint32_t>(data[at] << 8 | (at + 1 < data.size() ? data[at + 1] : 0));
    const uint32_t group = pair >> (11 - shift) & 31;
    checksum.add(group);
    *next++ = static_cast<uint8_t>(kDigits[group]);
  }
  for (size_t i = 0; i < kChecksumDigits; ++i) checksum.add(0);
  for (size_t i = 0; i < kChecksumDigits; ++i) {
    *next++ = static_cast<uint8_t>(kDigits[(checksum.state() ^ 1) >> (5 * (5 - i)) & 31]);
  }
  if (std::any_of(prefix.begin(), prefix.end(), is_upper)) {
    for (uint8_t& c : text.writable()) {
      if (is_lower(static_cast<char>(c))) c = static_cast<uint8_t>(c - 'a' + 'A');
    }
  }
  return text;
}

Result<Bech32> decode_bech32(std::string_view text) {
  const size_t separator = text.rfind('1');
  if (const auto why = why_not_bech32(text, separator); !why.empty()) return fail(invalid(why));
  const std::string_view prefix = text.substr(0, separator);
  const std::string_view digits = text.substr(separator + 1);
  SecretBytes groups(digits.size());
  Checksum checksum(prefix);
  for (size_t i = 0; i < digits.size(); ++i) {
    const size_t group = kDigits.find(static_cast<char>(lower(digits[i])));
    if (group == std::string_view::npos) return fail(invalid("a character outside its alphabet"));
    checksum.add(static_cast<uint32_t>(group));
    groups.writable()[i] = static_cast<uint8_t>(group);
  }
  if (checksum.state() != 1) return fail(invalid("wrong checksum (mistyped or cut short?)"));
  const ByteSpan payload = groups.span().first(digits.size() - kChecksumDigits);
  Bech32 decoded{std::string(prefix), SecretBytes(payload.size() * 5 / 8)};
  if (!join_groups(payload, decoded.data.writable())) return fail(invalid("stray trailing bits"));
  return decoded;
}

}  // namespace stele::crypto
