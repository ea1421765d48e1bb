// Keys as they lie on disk: one spelling, and epochs that count the lines of one name.
#include "ledger/keys.h"

#include <gtest/gtest.h>

#include "sim/random.h"

namespace stele::ledger {
namespace {

class Keys : public ::testing::Test {
 protected:
  crypto::PublicKey fresh() { return crypto::SigningKey::generate(random).public_key(); }
  static std::string line(const std::string& name, const crypto::PublicKey& key) {
    return receipt::VerifierKey{name, receipt::KeyType::kNote, key}.to_string() + "\n";
  }
  static segment::HostKeyId id(const std::string& name, const crypto::PublicKey& key) {
    return segment::host_key_id(name, key.bytes);
  }

  RandomSource random = sim::random(5);
};

TEST_F(Keys, of_several_hosts_count_their_own_epochs) {
  const auto a1 = fresh(), b1 = fresh(), a2 = fresh();
  const auto keys =
      HostKeys::parse(line("log/host/a", a1) + line("log/host/b", b1) + line("log/host/a", a2));
  ASSERT_TRUE(keys.has_value());
  EXPECT_EQ(keys->find(id("log/host/a", a1), 1)->key, a1);
  EXPECT_EQ(keys->find(id("log/host/b", b1), 1)->key, b1);
  EXPECT_EQ(keys->find(id("log/host/a", a2), 2)->key, a2);
  EXPECT_EQ(keys->find(id("log/host/a", a2), 3), nullptr) << "its line is the second of its name";
  EXPECT_EQ(keys->find(id("log/host/a", a1), 2), nullptr);
  EXPECT_EQ(keys->find(id("log/host/b", a1), 1), nullptr) << "another host's key";
  EXPECT_EQ(keys->find(id("log/host/a", a1), 0), nullptr);
}

TEST_F(Keys, are_refused_with_a_torn_last_line_and_when_there_are_none) {
  const std::string whole = line("log/host/a", fresh());
  EXPECT_TRUE(HostKeys::parse(whole).has_value());
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(HostKeys::parse(std::string_view(whole).substr(0, size)).has_value()) << size;
}

TEST_F(Keys, private_ones_have_one_spelling) {
  const PrivateKey key{"log/host/a", crypto::SigningKey::generate(random)};
  const crypto::SecretBytes text = encode(key);
  const auto back = parse_private_key(text.span());
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->name, key.name);
  EXPECT_EQ(back->key.public_key(), key.key.public_key());
  Bytes changed(text.span().begin(), text.span().end());
  for (size_t at = 0; at < changed.size(); ++at) {
    const uint8_t was = std::exchange(changed[at], ' ');
    const auto other = parse_private_key(changed);
    EXPECT_TRUE(was == ' ' || !other || other->name != key.name) << at;
    changed[at] = was;
  }
}

}  // namespace
}  // namespace stele::ledger
