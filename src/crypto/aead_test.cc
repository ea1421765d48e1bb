#include "crypto/aead.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/hex.h"

namespace stele::crypto {
namespace {

struct Message {
  Bytes key, plaintext, associated;
  AeadNonce nonce;
};

// RFC 8439 §2.8.2.
Message rfc_8439() {
  Message m;
  for (uint8_t b = 0x80; b < 0xa0; ++b) m.key.push_back(b);
  const ByteSpan text = as_bytes(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.");
  m.plaintext.assign(text.begin(), text.end());
  m.associated = *from_hex("50515253c0c1c2c3c4c5c6c7");
  std::ranges::copy(*from_hex("070000004041424344454647"), m.nonce.begin());
  return m;
}

Bytes seal(Aead& aead, const Message& m) {
  Bytes out(m.plaintext.size() + kAeadTagBytes);
  aead.seal(ByteSpan(m.key).first<32>(), m.nonce, m.plaintext, m.associated, out);
  return out;
}

bool opens(Aead& aead, const Message& m, ByteSpan sealed, Bytes& out) {
  out.assign(sealed.size() - kAeadTagBytes, 0xff);
  return aead.open(ByteSpan(m.key).first<32>(), m.nonce, sealed, m.associated, out);
}

TEST(Aead, chacha20_poly1305_agrees_with_rfc_8439) {
  Aead aead(Aead::Cipher::kChaCha20Poly1305);
  EXPECT_EQ(to_hex(seal(aead, rfc_8439())),
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb"
            "69da92728b"
            "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad67594558580"
            "8b4831d7bc"
            "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691");
}

TEST(Aead, opens_only_what_was_sealed) {
  for (auto cipher : {Aead::Cipher::kAes256Gcm, Aead::Cipher::kChaCha20Poly1305}) {
    Aead aead(cipher);
    const Message m = rfc_8439();
    const Bytes sealed = seal(aead, m);
    Bytes out;
    ASSERT_TRUE(opens(aead, m, sealed, out));
    EXPECT_EQ(out, m.plaintext);
    for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
      Bytes changed = sealed;
      changed[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
      ASSERT_FALSE(opens(aead, m, changed, out)) << "bit " << bit;
      ASSERT_EQ(out, Bytes(out.size(), 0)) << "unauthentic plaintext let out";
    }
    for (size_t size = kAeadTagBytes; size < sealed.size(); ++size) {
      ASSERT_FALSE(opens(aead, m, ByteSpan(sealed).first(size), out)) << "cut to " << size;
    }
  }
}

TEST(Aead, binds_key_nonce_and_associated_data) {
  for (auto cipher : {Aead::Cipher::kAes256Gcm, Aead::Cipher::kChaCha20Poly1305}) {
    Aead aead(cipher);
    const Message m = rfc_8439();
    const Bytes sealed = seal(aead, m);
    Bytes out;
    Message other = m;
    other.key[0] ^= 1;
    EXPECT_FALSE(opens(aead, other, sealed, out));
    other = m;
    other.nonce[11] ^= 1;
    EXPECT_FALSE(opens(aead, other, sealed, out));
    other = m;
    other.associated.push_back(0);
    EXPECT_FALSE(opens(aead, other, sealed, out));
    EXPECT_TRUE(opens(aead, m, sealed, out)) << "the context is good for more after failures";
  }
}

TEST(Aead, seals_nothing_at_all_with_a_tag) {
  for (auto cipher : {Aead::Cipher::kAes256Gcm, Aead::Cipher::kChaCha20Poly1305}) {
    Aead aead(cipher);
    Message m = rfc_8439();
    m.plaintext.clear();
    m.associated.clear();
    const Bytes sealed = seal(aead, m);
    ASSERT_EQ(sealed.size(), kAeadTagBytes);
    Bytes out;
    EXPECT_TRUE(opens(aead, m, sealed, out));
  }
}

}  // namespace
}  // namespace stele::crypto
