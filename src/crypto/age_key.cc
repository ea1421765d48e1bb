#include "crypto/age_key.h"

#include <algorithm>

#include "crypto/bech32.h"

namespace stele::crypto {
namespace {

constexpr std::string_view kRecipientPrefix = "age";
constexpr std::string_view kIdentityPrefix = "AGE-SECRET-KEY-";

// True for the encoding of a number below the field's prime, 2^255 - 19. A larger one would seal
// files under a name that no identity computes: sealed for nobody.
bool is_canonical(const RawPublicKey& key) {
  const bool high_bytes_full = key[31] == 0x7f && std::all_of(key.begin() + 1, key.end() - 1,
                                                              [](uint8_t b) { return b == 0xff; });
  return key[31] < 0x80 && !(high_bytes_full && key[0] >= 0xed);
}

// A point of low order gives every secret the same, all-zero shared secret.
bool is_low_order(const RawPublicKey& key) {
  return !X25519Key(Key32()).shared_secret(key).has_value();
}

std::string_view without_carriage_return(std::string_view line) {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

}  // namespace

Result<Recipient> Recipient::parse(std::string_view text) {
  auto decoded = decode_bech32(text);
  if (!decoded) return fail(std::move(decoded).error().within("age recipient"));
  if (decoded->prefix.starts_with("age1")) {
    return fail(Code::kUnsupported, "age recipient: of another type than X25519");
  }
  if (decoded->prefix != kRecipientPrefix) {
    return fail(Code::kInvalid, "age recipient: does not begin with age1");
  }
  RawPublicKey bytes;
  if (decoded->data.size() != bytes.size()) {
    return fail(Code::kInvalid, "age recipient: not 32 bytes");
  }
  std::copy_n(decoded->data.span().begin(), bytes.size(), bytes.begin());
  if (!is_canonical(bytes) || is_low_order(bytes)) {
    return fail(Code::kInvalid, "age recipient: a key that nobody can open with");
  }
  return Recipient(bytes);
}

std::string Recipient::to_string() const {
  return std::string(as_text(encode_bech32(kRecipientPrefix, bytes_).span()));
}

Result<Identity> Identity::parse(std::string_view text) {
  auto decoded = decode_bech32(text);
  if (!decoded) return fail(std::move(decoded).error().within("age identity"));
  if (decoded->prefix != kIdentityPrefix) {
    const bool other_type = decoded->prefix.starts_with("AGE-");
    return other_type ? fail(Code::kUnsupported, "age identity: of another type than X25519")
                      : fail(Code::kInvalid, "age identity: does not begin with AGE-SECRET-KEY-1");
  }
  if (decoded->data.size() != 32) return fail(Code::kInvalid, "age identity: not 32 bytes");
  return Identity(Key32(decoded->data.span().first<32>()));
}

Identity Identity::generate(const RandomSource& random) {
  Key32 secret;
  random(secret.writable());
  return Identity(secret);
}

SecretBytes Identity::to_text() const {
  return encode_bech32(kIdentityPrefix, key_.secret().span());
}

Result<std::vector<Identity>> parse_identity_file(std::string_view text) {
  if (text.size() > kIdentityFileBytesMax) return fail(Code::kLimit, "identity file over 64 KiB");
  if (text.starts_with("-----BEGIN ") || text.starts_with("age-encryption.org/")) {
    return fail(Code::kUnsupported, "identity file: it is encrypted itself, or not age's");
  }
  std::vector<Identity> identities;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = without_carriage_return(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    auto identity = Identity::parse(line);
    if (!identity) {
      return fail(
          std::move(identity).error().within("identity file, line " + std::to_string(number)));
    }
    identities.push_back(*std::move(identity));
  }
  if (identities.empty()) return fail(Code::kInvalid, "identity file: no identity in it");
  return identities;
}

}  // namespace stele::crypto
