#include "crypto/ed25519.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "crypto/test_random.h"

namespace stele::crypto {
namespace {

struct Example {
  std::string_view seed, public_key, message, signature;
};

// RFC 8032 §7.1, tests 1 to 3.
constexpr Example kExamples[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "46b"
     "d25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "659"
     "4a7c15e9716ed28dc027beceea1ec40a"},
};

TEST(Ed25519, agrees_with_rfc_8032) {
  for (const Example& example : kExamples) {
    const SigningKey key(*from_hex(example.seed));
    const Bytes message = *from_hex(example.message);
    EXPECT_EQ(to_hex(key.public_key().bytes), example.public_key);
    EXPECT_EQ(to_hex(key.sign(message)), example.signature);
    EXPECT_TRUE(verify(key.public_key(), message, *from_hex(example.signature)));
  }
}

TEST(Ed25519, refuses_a_signature_with_any_bit_flipped) {
  const SigningKey key = SigningKey::generate(test_random(1));
  const Bytes message = {1, 2, 3};
  const Signature signature = key.sign(message);
  ASSERT_TRUE(verify(key.public_key(), message, signature));
  for (size_t bit = 0; bit < signature.size() * 8; ++bit) {
    Signature changed = signature;
    changed[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    EXPECT_FALSE(verify(key.public_key(), message, changed)) << "bit " << bit;
  }
}

TEST(Ed25519, refuses_another_message_key_or_size) {
  const SigningKey key = SigningKey::generate(test_random(1));
  const SigningKey other = SigningKey::generate(test_random(2));
  const Bytes message = {1, 2, 3};
  const Signature signature = key.sign(message);
  EXPECT_FALSE(verify(key.public_key(), Bytes{1, 2}, signature));
  EXPECT_FALSE(verify(key.public_key(), Bytes{1, 2, 4}, signature));
  EXPECT_FALSE(verify(other.public_key(), message, signature));
  EXPECT_FALSE(verify(PublicKey{}, message, signature));
  for (size_t size = 0; size < signature.size(); ++size) {
    EXPECT_FALSE(verify(key.public_key(), message, ByteSpan(signature).first(size)));
  }
  Bytes longer(signature.begin(), signature.end());
  longer.push_back(0);
  EXPECT_FALSE(verify(key.public_key(), message, longer));
}

// S + L signs the same message where S is not checked against the group's order L (RFC 8032
// §5.1.7).
TEST(Ed25519, has_no_second_spelling_of_a_signature) {
  const SigningKey key = SigningKey::generate(test_random(1));
  Signature signature = key.sign(as_bytes("m"));
  const Bytes order = *from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    carry += signature[32 + i] + order[i];
    signature[32 + i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_EQ(carry, 0U);
  EXPECT_FALSE(verify(key.public_key(), as_bytes("m"), signature));
}

TEST(Ed25519, a_key_comes_back_from_its_saved_seed) {
  const SigningKey key = SigningKey::generate(test_random(1));
  const SigningKey again(key.seed().span());
  EXPECT_EQ(again.public_key(), key.public_key());
  EXPECT_EQ(again.sign(as_bytes("m")), key.sign(as_bytes("m")));
  EXPECT_NE(SigningKey::generate(test_random(2)).public_key(), key.public_key());
}

TEST(Ed25519, a_key_still_signs_where_it_was_moved) {
  SigningKey key = SigningKey::generate(test_random(1));
  const Signature before = key.sign(as_bytes("m"));
  const SigningKey moved = std::move(key);
  EXPECT_EQ(moved.sign(as_bytes("m")), before);
}

}  // namespace
}  // namespace stele::crypto
