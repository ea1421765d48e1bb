#include "crypto/evp.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "crypto/aead.h"
#include "crypto/ed25519.h"
#include "crypto/x25519.h"

namespace stele::crypto {
namespace {

class Failures : public ::testing::Test {
 protected:
  void SetUp() override {
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 1);
  }
  void TearDown() override {
    EXPECT_EQ(ERR_GET_REASON(ERR_get_error()), 1) << "somebody else's error is gone";
    EXPECT_EQ(ERR_get_error(), 0U) << "ours was left behind";
  }
};

TEST_F(Failures, of_a_signature_stay_here) {
  EXPECT_FALSE(verify(PublicKey{}, {}, Bytes(kSignatureBytes, 0xff)));
  EXPECT_FALSE(verify(SigningKey(Bytes(32, 1)).public_key(), {}, Bytes(kSignatureBytes)));
}

TEST_F(Failures, of_a_key_agreement_stay_here) {
  EXPECT_FALSE(X25519Key(Key32()).shared_secret(RawPublicKey{}).has_value());
}

TEST_F(Failures, of_a_decryption_stay_here) {
  for (auto cipher : {Aead::Cipher::kAes256Gcm, Aead::Cipher::kChaCha20Poly1305}) {
    std::array<uint8_t, 8> out;
    EXPECT_FALSE(Aead(cipher).open(Key32().span(), {}, Bytes(8 + kAeadTagBytes), {}, out));
  }
}

}  // namespace
}  // namespace stele::crypto
