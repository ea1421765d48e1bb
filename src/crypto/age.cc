#include "crypto/age.h"

#include <algorithm>

#include "crypto/age_payload.h"
#include "crypto/hkdf.h"

namespace stele::crypto {
namespace {

Hash header_mac(const AgeFileKey& file_key, ByteSpan authenticated) {
  return hmac_sha256(hkdf_sha256(file_key.span(), {}, "header").span(), authenticated);
}

bool is_scrypt(const AgeStanza& stanza) { return stanza.arguments.front() == "scrypt"; }

// A passphrase stands alone or not at all: else a file opened by passphrase could come from anyone
// (age.md).
Status refuse_passphrase(const std::vector<AgeStanza>& stanzas) {
  if (std::none_of(stanzas.begin(), stanzas.end(), is_scrypt)) return {};
  if (stanzas.size() > 1) {
    return fail(Code::kCorrupt, "age header: a passphrase stanza beside another");
  }
  return fail(Code::kUnsupported, "age file: sealed with a passphrase");
}

// Every X25519 stanza must be well-formed, not only those before the one that opens.
Result<std::vector<X25519Stanza>> x25519_stanzas(const std::vector<AgeStanza>& stanzas) {
  std::vector<X25519Stanza> parsed;
  for (const AgeStanza& stanza : stanzas) {
    if (!is_x25519(stanza)) continue;
    TRY(parsed.emplace_back(), parse_x25519(stanza));
  }
  return parsed;
}

Result<AgeFileKey> find_file_key(const std::vector<X25519Stanza>& stanzas,
                                 std::span<const Identity> identities) {
  for (const X25519Stanza& stanza : stanzas) {
    for (const Identity& identity : identities) {
      TRY(auto file_key, unwrap_file_key(stanza, identity));
      if (file_key) return *std::move(file_key);
    }
  }
  return fail(Code::kNotFound, "age file: sealed to others, not to any of the identities given (" +
                                   std::to_string(identities.size()) + ")");
}

}  // namespace

Result<Bytes> age_encrypt(ByteSpan plaintext, std::span<const Recipient> recipients,
                          const RandomSource& random) {
  if (recipients.empty()) return fail(Code::kInvalid, "age file: no recipients");
  if (recipients.size() > kAgeRecipientsMax) {
    return fail(Code::kLimit, "age file: over 256 recipients");
  }
  if (plaintext.size() > kAgeFileBytesMax) return fail(Code::kLimit, "age file over 64 MiB");
  AgeFileKey file_key;
  random(file_key.writable());
  std::vector<AgeStanza> stanzas;
  for (const Recipient& recipient : recipients) {
    TRY(stanzas.emplace_back(), wrap_file_key(file_key, recipient, random));
  }
  const std::string authenticated = encode_age_stanzas(stanzas);
  const std::string mac = encode_age_mac(header_mac(file_key, as_bytes(authenticated)));
  AgePayloadNonce nonce;
  random(nonce);
  Bytes file;
  file.reserve(authenticated.size() + mac.size() + nonce.size() +
               sealed_payload_bytes(plaintext.size()));
  file.insert(file.end(), authenticated.begin(), authenticated.end());
  file.insert(file.end(), mac.begin(), mac.end());
  seal_payload(file_key, nonce, plaintext, file);
  if (file.size() > kAgeFileBytesMax) return fail(Code::kLimit, "age file over 64 MiB");
  return file;
}

Result<AgeFileKey> unwrap_age_header(const AgeFile& file, std::span<const Identity> identities) {
  TRY_VOID(refuse_passphrase(file.stanzas));
  TRY(const auto stanzas, x25519_stanzas(file.stanzas));
  TRY(AgeFileKey file_key, find_file_key(stanzas, identities));
  if (!constant_time_equal(header_mac(file_key, file.authenticated), file.mac)) {
    return fail(Code::kUnauthentic, "age header: the MAC does not hold");
  }
  return file_key;
}

Result<SecretBytes> age_decrypt(ByteSpan file, std::span<const Identity> identities) {
  if (file.size() > kAgeFileBytesMax) return fail(Code::kLimit, "age file over 64 MiB");
  TRY(const AgeFile parsed, parse_age_file(file));
  TRY(const AgeFileKey file_key, unwrap_age_header(parsed, identities));
  return open_payload(file_key, parsed.nonce, parsed.chunks);
}

}  // namespace stele::crypto
