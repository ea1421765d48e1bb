// The low-level functions, deprecated in OpenSSL 3.0 in favour of EVP which looks up
// the algorithm and allocates for every hash: a Merkle node is 65 bytes, and EVP hashes 64 bytes at
// 0.24 GB/s, far from what the CPU's SHA extensions give (measured; crypto_bench.cc).
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/sha256.h"

#include <openssl/sha.h>

#include <new>
#include <type_traits>

#include "base/check.h"

namespace stele::crypto {
namespace {

template <typename Storage>
auto* context(Storage& storage) {
  using Context = std::conditional_t<std::is_const_v<Storage>, const SHA256_CTX, SHA256_CTX>;
  static_assert(sizeof(Context) == sizeof(Storage) && alignof(Context) <= 8);
  static_assert(std::is_trivially_copyable_v<SHA256_CTX>);
  return std::launder(reinterpret_cast<Context*>(storage.data()));
}

}  // namespace

Hash sha256(ByteSpan bytes) { return sha256({bytes}); }

Hash sha256(std::initializer_list<ByteSpan> parts) {
  Sha256 hash;
  for (ByteSpan part : parts) hash.update(part);
  return hash.finish();
}

Sha256::Sha256() {
  new (state_.data()) SHA256_CTX;
  CHECK(SHA256_Init(context(state_)) == 1);
}

void Sha256::update(ByteSpan bytes) {
  CHECK(SHA256_Update(context(state_), bytes.data(), bytes.size()) == 1);
}

Hash Sha256::finish() const {
  SHA256_CTX so_far = *context(state_);
  Hash hash;
  CHECK(SHA256_Final(hash.data(), &so_far) == 1);
  return hash;
}

}  // namespace stele::crypto
