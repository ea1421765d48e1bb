#include "crypto/hkdf.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace stele::crypto {
namespace {

TEST(Hmac, agrees_with_rfc_4231) {
  EXPECT_EQ(to_hex(hmac_sha256(Bytes(20, 0x0b), as_bytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(Bytes(131, 0xaa),
                               as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, takes_an_empty_key_for_an_empty_key) {
  // An empty key is padded with zeros like any short one.
  EXPECT_EQ(hmac_sha256({}, as_bytes("message")), hmac_sha256(Bytes(64, 0), as_bytes("message")));
  EXPECT_NE(hmac_sha256({}, as_bytes("message")), hmac_sha256(as_bytes("k"), as_bytes("message")));
}

// The first 32 bytes of the outputs in RFC 5869, appendix A.
TEST(Hkdf, agrees_with_rfc_5869) {
  const Bytes key_material(22, 0x0b);
  const Bytes salt = *from_hex("000102030405060708090a0b0c");
  const Bytes info = *from_hex("f0f1f2f3f4f5f6f7f8f9");
  EXPECT_EQ(to_hex(hkdf_sha256(key_material, salt, as_text(info)).span()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
  EXPECT_EQ(to_hex(hkdf_sha256(key_material, {}, {}).span()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

}  // namespace
}  // namespace stele::crypto
