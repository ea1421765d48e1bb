// The note of a successor: one spelling, one signer (docs/formats/ledger.md, "Predecessor").
#include "ledger/predecessor.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace stele::ledger {
namespace {

Bytes vector_file(const std::string& name) {
  std::ifstream file(std::string(STELE_TESTDATA) + "/vectors/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct Vector {
  Bytes note = vector_file("predecessor.note");
  receipt::VerifierKey key = [] {
    const Bytes line = vector_file("predecessor.vkey");
    return receipt::VerifierKey::parse(as_text(line).substr(0, line.size() - 1)).value();
  }();
};

TEST(Predecessor, is_read_as_it_was_written) {
  const Vector vector;
  const auto read = open_predecessor(vector.note, vector.key);
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(read->log.name, "stele/vm/f4b13573");
  EXPECT_EQ(read->before.name, "stele/vm/cc998ec8");
  EXPECT_EQ(read->size, 4U);
  EXPECT_EQ(read->kept, 4U);
  EXPECT_FALSE(read->has_loss());
  EXPECT_TRUE(as_text(vector.note).starts_with(encode(*read) + "\n"));
}

TEST(Predecessor, with_any_bit_changed_or_cut_short_anywhere_is_none) {
  const Vector vector;
  for (size_t i = 0; i < vector.note.size(); ++i) {
    EXPECT_FALSE(open_predecessor(ByteSpan(vector.note).first(i), vector.key).has_value()) << i;
    for (int bit = 0; bit < 8; ++bit) {
      Bytes changed = vector.note;
      changed[i] ^= static_cast<uint8_t>(1U << bit);
      EXPECT_FALSE(open_predecessor(changed, vector.key).has_value()) << i << ", bit " << bit;
    }
  }
}

}  // namespace
}  // namespace stele::ledger
