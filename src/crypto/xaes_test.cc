#include "crypto/xaes.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>

#include "base/hex.h"

namespace stele::crypto {
namespace {

XaesNonce nonce_from(ByteSpan bytes) {
  XaesNonce nonce;
  std::copy_n(bytes.begin(), nonce.size(), nonce.begin());
  return nonce;
}

const ByteSpan kText = as_bytes("XAES-256-GCM");
const XaesNonce kNonce = nonce_from(as_bytes("ABCDEFGHIJKLMNOPQRSTUVWX"));

Bytes seal(Xaes& xaes, ByteSpan plaintext, ByteSpan associated) {
  Bytes out;
  xaes.seal(kNonce, plaintext, associated, out);
  return out;
}

TEST(Xaes, agrees_with_the_spec_where_the_top_bit_of_l_is_0) {
  Xaes xaes(Bytes(32, 1));
  EXPECT_EQ(to_hex(seal(xaes, kText, {})),
            "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
}

TEST(Xaes, agrees_with_the_spec_where_the_top_bit_of_l_is_1) {
  Xaes xaes(Bytes(32, 3));
  EXPECT_EQ(to_hex(seal(xaes, kText, as_bytes("c2sp.org/XAES-256-GCM"))),
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
}

class Shake128 {
 public:
  Shake128() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_shake128(), nullptr); }
  ~Shake128() { EVP_MD_CTX_free(context_); }
  Shake128(const Shake128&) = delete;
  Shake128& operator=(const Shake128&) = delete;
  void absorb(ByteSpan bytes) { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }
  Bytes squeeze(size_t size) {
    Bytes out(size);
    EVP_DigestFinalXOF(context_, out.data(), out.size());
    return out;
  }

 private:
  EVP_MD_CTX* context_;
};

// "Accumulated randomized tests" of the spec. OpenSSL 3.0 squeezes once only: all that could be
// needed at once.
TEST(Xaes, agrees_with_the_spec_on_ten_thousand_random_messages) {
  constexpr size_t kRounds = 10'000, kRoundBytesMax = 32 + 24 + 256 + 256;
  const Bytes stream = Shake128().squeeze(kRounds * kRoundBytesMax);
  ASSERT_EQ(to_hex(ByteSpan(stream).first(16)), "7f9c2ba4e88f827d616045507605853e");
  ByteReader random(stream);
  Shake128 hash;
  for (size_t round = 0; round < kRounds; ++round) {
    Xaes xaes(random.bytes(32));
    const XaesNonce nonce = nonce_from(random.bytes(24));
    const ByteSpan plaintext = random.bytes(random.u8());
    const ByteSpan associated = random.bytes(random.u8());
    Bytes sealed, opened;
    xaes.seal(nonce, plaintext, associated, sealed);
    ASSERT_TRUE(xaes.open(nonce, sealed, associated, opened).has_value());
    ASSERT_TRUE(equal(opened, plaintext));
    hash.absorb(sealed);
  }
  EXPECT_EQ(to_hex(hash.squeeze(32)),
            "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
}

TEST(Xaes, appends_to_what_is_there) {
  Xaes xaes(Bytes(32, 1));
  Bytes sealed = {7, 8};
  xaes.seal(kNonce, kText, {}, sealed);
  ASSERT_EQ(sealed.size(), 2 + kText.size() + kXaesTagBytes);
  EXPECT_EQ(sealed[0], 7);
  Bytes opened = {9};
  ASSERT_TRUE(xaes.open(kNonce, ByteSpan(sealed).subspan(2), {}, opened).has_value());
  EXPECT_EQ(opened[0], 9);
  EXPECT_TRUE(equal(ByteSpan(opened).subspan(1), kText));
}

TEST(Xaes, writes_nothing_when_it_does_not_open) {
  Xaes xaes(Bytes(32, 1));
  const Bytes sealed = seal(xaes, kText, kText);
  const Bytes before = {1, 2, 3};
  Bytes out = before;
  const auto refuses = [&](const XaesNonce& nonce, ByteSpan bytes, ByteSpan associated) {
    const Status status = xaes.open(nonce, bytes, associated, out);
    return !status && status.error().code == Code::kUnauthentic && out == before;
  };
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes changed = sealed;
    changed[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    EXPECT_TRUE(refuses(kNonce, changed, kText)) << "bit " << bit;
  }
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_TRUE(refuses(kNonce, ByteSpan(sealed).first(size), kText)) << "cut to " << size;
  }
  for (size_t bit = 0; bit < kNonce.size() * 8; ++bit) {
    XaesNonce changed = kNonce;
    changed[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    EXPECT_TRUE(refuses(changed, sealed, kText)) << "nonce bit " << bit;
  }
  EXPECT_TRUE(refuses(kNonce, sealed, {}));
  EXPECT_TRUE(xaes.open(kNonce, sealed, kText, out).has_value()) << "it opens after failures";
}

TEST(Xaes, another_key_does_not_open) {
  Xaes xaes(Bytes(32, 1)), other(Bytes(32, 2));
  Bytes out;
  EXPECT_FALSE(other.open(kNonce, seal(xaes, kText, {}), {}, out).has_value());
}

TEST(Xaes, seals_an_empty_message) {
  Xaes xaes(Bytes(32, 1));
  const Bytes sealed = seal(xaes, {}, {});
  EXPECT_EQ(sealed.size(), kXaesTagBytes);
  Bytes out;
  EXPECT_TRUE(xaes.open(kNonce, sealed, {}, out).has_value());
  EXPECT_TRUE(out.empty());
}

}  // namespace
}  // namespace stele::crypto
