#include "crypto/evp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/check.h"

namespace stele::crypto {
namespace {

// Before anything else of OpenSSL: what OPENSSL_CONF, or openssl.cnf, would have it load is
// nobody's business here. It also saves a third of a millisecond before a session's first byte.
const bool kIsUnconfigured = OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1;

int type_of(Curve curve) { return curve == Curve::kEd25519 ? EVP_PKEY_ED25519 : EVP_PKEY_X25519; }

}  // namespace

void FreeEvp::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }
void FreeEvp::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

EvpKey load_secret_key(Curve curve, std::span<const uint8_t, 32> secret) {
  EvpKey key(EVP_PKEY_new_raw_private_key(type_of(curve), nullptr, secret.data(), secret.size()));
  CHECK(key != nullptr);
  return key;
}

EvpKey load_public_key(Curve curve, const RawPublicKey& bytes) {
  EvpKey key(EVP_PKEY_new_raw_public_key(type_of(curve), nullptr, bytes.data(), bytes.size()));
  CHECK(key != nullptr);
  return key;
}

Key32 secret_half(const EvpKey& key) {
  Key32 secret;
  size_t size = secret.span().size();
  CHECK(EVP_PKEY_get_raw_private_key(key.get(), secret.writable().data(), &size) == 1);
  CHECK(size == secret.span().size());
  return secret;
}

RawPublicKey public_half(const EvpKey& key) {
  RawPublicKey bytes;
  size_t size = bytes.size();
  CHECK(EVP_PKEY_get_raw_public_key(key.get(), bytes.data(), &size) == 1);
  CHECK(size == bytes.size());
  return bytes;
}

}  // namespace stele::crypto
