#include "crypto/x25519.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/check.h"

namespace stele::crypto {
namespace {

struct FreeContext {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};

/// While it lives, OpenSSL's complaints in this thread are dropped again: a failure that is
/// expected must not stay in the queue that TLS code on the same thread reads.
class QuietFailures {
 public:
  QuietFailures() { ERR_set_mark(); }
  ~QuietFailures() { ERR_pop_to_mark(); }
  QuietFailures(const QuietFailures&) = delete;
  QuietFailures& operator=(const QuietFailures&) = delete;
};

}  // namespace

X25519Key::X25519Key(const Key32& secret)
    : key_(load_secret_key(Curve::kX25519, secret.span())), public_key_(public_half(key_)) {}

std::optional<Key32> X25519Key::shared_secret(const RawPublicKey& peer) const {
  const QuietFailures quiet;
  const EvpKey peer_key = load_public_key(Curve::kX25519, peer);
  const std::unique_ptr<EVP_PKEY_CTX, FreeContext> context(EVP_PKEY_CTX_new(key_.get(), nullptr));
  CHECK(EVP_PKEY_derive_init(context.get()) == 1);
  CHECK(EVP_PKEY_derive_set_peer(context.get(), peer_key.get()) == 1);
  Key32 secret;
  size_t size = secret.span().size();
  // OpenSSL itself refuses an all-zero secret; there is no other way for this to fail.
  if (EVP_PKEY_derive(context.get(), secret.writable().data(), &size) != 1) return std::nullopt;
  CHECK(size == secret.span().size());
  return secret;
}

}  // namespace stele::crypto
