#include "crypto/xaes.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/check.h"

namespace stele::crypto {
namespace {

constexpr size_t kBlockBytes = 16;

// Doubling in GF(2^128), steps 1 and 2 of the spec: a left shift, and 0x87 where a bit fell out.
void double_block(std::span<uint8_t, kBlockBytes> block) {
  const uint8_t carry_mask = static_cast<uint8_t>(-(block[0] >> 7));
  for (size_t i = 0; i + 1 < kBlockBytes; ++i) {
    block[i] = static_cast<uint8_t>(block[i] << 1 | block[i + 1] >> 7);
  }
  block[kBlockBytes - 1] = static_cast<uint8_t>(block[kBlockBytes - 1] << 1 ^ (carry_mask & 0x87));
}

AeadNonce gcm_nonce(const XaesNonce& nonce) {
  AeadNonce out;
  std::copy_n(nonce.begin() + 12, out.size(), out.begin());
  return out;
}

}  // namespace

Xaes::Xaes(ByteSpan key) : block_cipher_(EVP_CIPHER_CTX_new()) {
  static EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr);
  CHECK(key.size() == 32);
  CHECK(EVP_EncryptInit_ex2(block_cipher_.get(), aes, key.data(), nullptr, nullptr) == 1);
  CHECK(EVP_CIPHER_CTX_set_padding(block_cipher_.get(), 0) == 1);
  const std::array<uint8_t, kBlockBytes> zeros{};
  encrypt_blocks(zeros, k1_.writable());
  double_block(k1_.writable());
}

void Xaes::encrypt_blocks(ByteSpan in, MutableByteSpan out) {
  int written = 0;
  CHECK(EVP_EncryptUpdate(block_cipher_.get(), out.data(), &written, in.data(),
                          static_cast<int>(in.size())) == 1);
  CHECK(static_cast<size_t>(written) == in.size());
}

// Steps 3 to 5 of the spec.
Key32 Xaes::derive_key(const XaesNonce& nonce) {
  Key32 blocks;  // M1 ⊕ K1 ‖ M2 ⊕ K1
  for (uint8_t counter : {uint8_t{1}, uint8_t{2}}) {
    const auto block = blocks.writable().subspan((counter - 1) * kBlockBytes, kBlockBytes);
    block[1] = counter;
    block[2] = 'X';
    std::copy_n(nonce.begin(), 12, block.begin() + 4);
    for (size_t i = 0; i < kBlockBytes; ++i) block[i] ^= k1_.span()[i];
  }
  Key32 key;
  encrypt_blocks(blocks.span(), key.writable());
  return key;
}

void Xaes::seal(const XaesNonce& nonce, ByteSpan plaintext, ByteSpan associated, Bytes& out) {
  const size_t before = out.size();
  out.resize(before + plaintext.size() + kXaesTagBytes);
  gcm_.seal(derive_key(nonce).span(), gcm_nonce(nonce), plaintext, associated,
            MutableByteSpan(out).subspan(before));
}

Status Xaes::open(const XaesNonce& nonce, ByteSpan sealed, ByteSpan associated, Bytes& out) {
  if (sealed.size() < kXaesTagBytes) return fail(Code::kUnauthentic, "sealed bytes cut short");
  if (sealed.size() - kXaesTagBytes > kMessageBytesMax) {
    return fail(Code::kLimit, "sealed bytes over 1 GiB");
  }
  const size_t before = out.size();
  out.resize(before + sealed.size() - kXaesTagBytes);
  if (gcm_.open(derive_key(nonce).span(), gcm_nonce(nonce), sealed, associated,
                MutableByteSpan(out).subspan(before))) {
    return {};
  }
  out.resize(before);
  return fail(Code::kUnauthentic, "sealed bytes are not authentic under this key");
}

}  // namespace stele::crypto
