#include "crypto/ed25519.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace stele::crypto {
namespace {

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeDigest>;

std::span<const uint8_t, 32> exactly_32(ByteSpan seed) {
  CHECK(seed.size() == 32);
  return seed.first<32>();
}

}  // namespace

SigningKey::SigningKey(ByteSpan seed)
    : key_(load_secret_key(Curve::kEd25519, exactly_32(seed))), public_key_{public_half(key_)} {}

SigningKey SigningKey::generate(const RandomSource& random) {
  Key32 seed;
  random(seed.writable());
  return SigningKey(seed.span());
}

SecretBytes SigningKey::seed() const { return SecretBytes(secret_half(key_).span()); }

Signature SigningKey::sign(ByteSpan message) const {
  const DigestContext context(EVP_MD_CTX_new());
  CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
  Signature signature;
  size_t size = signature.size();
  CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) ==
        1);
  CHECK(size == signature.size());
  return signature;
}

bool verify(const PublicKey& key, ByteSpan message, ByteSpan signature) {
  if (signature.size() != kSignatureBytes) return false;
  const EvpKey loaded = load_public_key(Curve::kEd25519, key.bytes);
  const DigestContext context(EVP_MD_CTX_new());
  CHECK(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, loaded.get()) == 1);
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

}  // namespace stele::crypto
