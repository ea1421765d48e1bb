#include "crypto/aead.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/check.h"

namespace stele::crypto {
namespace {

// Looked up once for the life of the process: a look-up per message costs more than sealing a small
// one.
const EVP_CIPHER* algorithm(Aead::Cipher cipher) {
  static EVP_CIPHER* const gcm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  static EVP_CIPHER* const chacha = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  return cipher == Aead::Cipher::kAes256Gcm ? gcm : chacha;
}

}  // namespace

Aead::Aead(Cipher cipher) : context_(EVP_CIPHER_CTX_new()) {
  CHECK(EVP_CipherInit_ex2(context_.get(), algorithm(cipher), nullptr, nullptr, 1, nullptr) == 1);
  CHECK(EVP_CIPHER_CTX_get_key_length(context_.get()) == 32);
  CHECK(EVP_CIPHER_CTX_get_iv_length(context_.get()) == sizeof(AeadNonce));
}

void Aead::start(bool encrypt, std::span<const uint8_t, 32> key, const AeadNonce& nonce,
                 ByteSpan associated) {
  CHECK(EVP_CipherInit_ex2(context_.get(), nullptr, key.data(), nonce.data(), encrypt ? 1 : 0,
                           nullptr) == 1);
  process(associated, nullptr);
}

// To OpenSSL a null `out` marks associated data.
void Aead::process(ByteSpan in, uint8_t* out) {
  CHECK(in.size() <= kMessageBytesMax);
  if (in.empty()) return;
  int written = 0;
  CHECK(EVP_CipherUpdate(context_.get(), out, &written, in.data(), static_cast<int>(in.size())) ==
        1);
  CHECK(static_cast<size_t>(written) == in.size());
}

void Aead::seal(std::span<const uint8_t, 32> key, const AeadNonce& nonce, ByteSpan plaintext,
                ByteSpan associated, MutableByteSpan out) {
  CHECK(out.size() == plaintext.size() + kAeadTagBytes);
  start(true, key, nonce, associated);
  process(plaintext, out.data());
  uint8_t* const tag = out.data() + plaintext.size();
  int written = 0;
  CHECK(EVP_CipherFinal_ex(context_.get(), tag, &written) == 1 && written == 0);
  CHECK(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes, tag) == 1);
}

bool Aead::open(std::span<const uint8_t, 32> key, const AeadNonce& nonce, ByteSpan sealed,
                ByteSpan associated, MutableByteSpan out) {
  CHECK(sealed.size() >= kAeadTagBytes && out.size() == sealed.size() - kAeadTagBytes);
  std::array<uint8_t, kAeadTagBytes> tag;
  std::copy_n(sealed.end() - kAeadTagBytes, kAeadTagBytes, tag.begin());
  start(false, key, nonce, associated);
  CHECK(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes, tag.data()) == 1);
  process(sealed.first(out.size()), out.data());
  int written = 0;
  uint8_t nothing[kAeadTagBytes];
  if (EVP_CipherFinal_ex(context_.get(), nothing, &written) == 1) return true;
  wipe(out);
  return false;
}

}  // namespace stele::crypto
