#include "crypto/x25519.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/hex.h"

namespace stele::crypto {
namespace {

Key32 secret_from(std::string_view hex) {
  const Bytes bytes = *from_hex(hex);
  return Key32(ByteSpan(bytes).first<32>());
}

RawPublicKey public_from(std::string_view hex) {
  RawPublicKey key;
  std::ranges::copy(*from_hex(hex), key.begin());
  return key;
}

constexpr std::string_view kShared =
    "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

TEST(X25519, agrees_with_the_exchange_of_rfc_7748) {
  const X25519Key alice(
      secret_from("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
  const X25519Key bob(
      secret_from("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  EXPECT_EQ(to_hex(alice.public_key()),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(to_hex(bob.public_key()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  EXPECT_EQ(to_hex(alice.shared_secret(bob.public_key())->span()), kShared);
  EXPECT_EQ(to_hex(bob.shared_secret(alice.public_key())->span()), kShared);
}

TEST(X25519, agrees_with_rfc_7748_on_any_scalar_and_point) {
  const X25519Key key(
      secret_from("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"));
  const auto point =
      public_from("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
  EXPECT_EQ(to_hex(key.shared_secret(point)->span()),
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}

// The points of order 1, 2, 4 and 8, and their second spellings (p - 1, p, p + 1).
TEST(X25519, makes_no_secret_with_a_point_of_low_order) {
  const X25519Key key(
      secret_from("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"));
  for (std::string_view point :
       {"0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    EXPECT_FALSE(key.shared_secret(public_from(point)).has_value()) << point;
  }
}

TEST(X25519, gives_its_secret_back) {
  const Key32 secret =
      secret_from("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  EXPECT_TRUE(constant_time_equal(X25519Key(secret).secret().span(), secret.span()));
}

}  // namespace
}  // namespace stele::crypto
