#include "receipt/key.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "merkle/test_vectors.h"
#include "receipt/test_keys.h"

namespace stele::receipt {
namespace {

// signed-note, "Example".
constexpr std::string_view kExample =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

TEST(VerifierKey, of_the_standard_is_read_and_printed) {
  const auto key = VerifierKey::parse(kExample);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->name, "example.com/foo");
  EXPECT_EQ(key->type, KeyType::kNote);
  EXPECT_EQ(key->id(), 0x530d903aU);
  EXPECT_EQ(key->to_string(), kExample);
}

TEST(VerifierKey, of_a_log_and_of_a_witness_are_those_the_go_library_prints) {
  const auto vectors = merkle::load_tlog_vectors();
  EXPECT_EQ(log_signer().key().to_string(), vectors.log_vkey);
  EXPECT_EQ(witness().key().to_string(), vectors.witness_vkey);
  EXPECT_EQ(*VerifierKey::parse(vectors.log_vkey), log_signer().key());
  EXPECT_EQ(*VerifierKey::parse(vectors.witness_vkey), witness().key());
}

TEST(VerifierKey, with_any_character_changed_is_refused) {
  for (size_t i = 0; i < kExample.size(); ++i) {
    for (char c : {'A', 'b', '0', '+', '/', ' ', '\n', '='}) {
      std::string line(kExample);
      if (line[i] == c) continue;
      line[i] = c;
      EXPECT_FALSE(VerifierKey::parse(line)) << line;
    }
    EXPECT_FALSE(VerifierKey::parse(kExample.substr(0, i)));
  }
  EXPECT_FALSE(VerifierKey::parse(std::string(kExample) + "\n"));
}

/// A line whose id is right for whatever it holds.
std::string line_of(const std::string& name, const Bytes& material) {
  const Hash hash = crypto::sha256({as_bytes(name), as_bytes("\n"), material});
  return name + "+" + to_hex(ByteSpan(hash).first(4)) + "+" + to_base64(material);
}

TEST(VerifierKey, of_another_kind_or_size_is_refused_though_its_id_is_right) {
  Bytes material(33, 7);
  material[0] = 1;
  EXPECT_TRUE(VerifierKey::parse(line_of("a", material)));
  for (int type = 0; type < 256; ++type) {
    material[0] = static_cast<uint8_t>(type);
    const auto key = VerifierKey::parse(line_of("a", material));
    if (type == 1 || type == 4) {
      EXPECT_TRUE(key);
    } else {
      ASSERT_FALSE(key);
      EXPECT_EQ(key.error().code, Code::kUnsupported) << type;
    }
  }
  material[0] = 1;
  for (size_t size : {0, 1, 32, 34, 65}) {
    material.resize(size, 1);
    EXPECT_FALSE(VerifierKey::parse(line_of("a", material))) << size;
  }
}

TEST(VerifierKey, without_a_proper_name_is_refused) {
  Bytes material(33, 1);
  for (const char* name : {"", "a b", "a\xC2\xA0z", "\xFF"}) {
    EXPECT_FALSE(VerifierKey::parse(line_of(name, material))) << name;
  }
  EXPECT_FALSE(NoteSigner::make("a+b", test_key(1)));
  EXPECT_FALSE(Cosigner::make("", test_key(1)));
}

TEST(VerifierKey, has_an_id_for_each_name_and_type) {
  const VerifierKey key{"a", KeyType::kNote, test_key(1).public_key()};
  EXPECT_NE(key.id(), (VerifierKey{"b", KeyType::kNote, key.key}.id()));
  EXPECT_NE(key.id(), (VerifierKey{"a", KeyType::kCosignature, key.key}.id()));
}

}  // namespace
}  // namespace stele::receipt
