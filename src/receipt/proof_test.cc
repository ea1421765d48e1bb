#include "receipt/proof.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "merkle/memory_reader.h"
#include "merkle/test_tree.h"
#include "receipt/test_keys.h"

namespace stele::receipt {
namespace {

constexpr uint64_t kSize = 300;

class Receipts : public ::testing::Test {
 protected:
  void SetUp() override {
    merkle::TileBuilder builder;
    for (uint64_t i = 0; i < kSize; ++i)
      ASSERT_TRUE(builder.append(as_bytes(merkle::entry_text(i))));
    log_.publish(builder);
    checkpoint_ = {"example.com/log", kSize, builder.root()};
    note_ = *sign_checkpoint(checkpoint_, signer_);
  }
  Receipt receipt(uint64_t index) {
    return {{}, index, *merkle::inclusion_proof(log_, index, kSize), note_};
  }

  const NoteSigner signer_ = log_signer();
  merkle::MemoryReader log_;
  Checkpoint checkpoint_;
  std::string note_;
};

TEST_F(Receipts, show_that_an_entry_stands_in_the_log) {
  for (uint64_t index : {0, 1, 255, 256, 299}) {
    const auto parsed = parse_receipt(as_bytes(encode(receipt(index))));
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_EQ(*parsed, receipt(index));
    const auto shown = verify_receipt(*parsed, as_bytes(merkle::entry_text(index)), signer_.key());
    ASSERT_TRUE(shown) << shown.error().message();
    EXPECT_EQ(*shown, checkpoint_);
  }
}

// The lines of tlog-proof, "Format".
TEST_F(Receipts, are_text_as_the_standard_says) {
  Receipt r = receipt(299);
  std::string expected = "c2sp.org/tlog-proof@v1\nindex 299\n";
  for (const Hash& hash : r.proof) expected += to_base64(hash) + "\n";
  EXPECT_EQ(encode(r), expected + "\n" + note_);
  r.extra = {1, 2, 3};
  EXPECT_EQ(encode(r), "c2sp.org/tlog-proof@v1\nextra AQID\n" + expected.substr(23) + "\n" + note_);
  EXPECT_EQ(*parse_receipt(as_bytes(encode(r))), r);
}

TEST_F(Receipts, of_a_log_with_one_entry_have_no_hashes) {
  const Hash leaf = merkle::leaf_hash(as_bytes("only"));
  const Receipt r{{}, 0, {}, *sign_checkpoint({"example.com/log", 1, leaf}, signer_)};
  EXPECT_EQ(*parse_receipt(as_bytes(encode(r))), r);
  EXPECT_TRUE(verify_receipt(r, as_bytes("only"), signer_.key()));
}

TEST_F(Receipts, may_carry_cosignatures) {
  Note note = *parse_note(as_bytes(note_));
  note.signatures.push_back(*witness().sign(note.text, kCosignedAt));
  Receipt r = receipt(7);
  r.checkpoint = encode(note);
  EXPECT_EQ(*parse_receipt(as_bytes(encode(r))), r);
  EXPECT_TRUE(verify_receipt(r, as_bytes("7"), signer_.key()));
}

TEST_F(Receipts, are_refused_for_another_entry_index_hash_or_key) {
  const Receipt right = receipt(7);
  EXPECT_FALSE(verify_receipt(right, as_bytes("8"), signer_.key()));
  Receipt wrong = right;
  wrong.index = 8;
  EXPECT_EQ(verify_receipt(wrong, as_bytes("7"), signer_.key()).error().code, Code::kUnauthentic);
  wrong = right;
  wrong.proof[0][0] ^= 1;
  EXPECT_FALSE(verify_receipt(wrong, as_bytes("7"), signer_.key()));
  wrong = right;
  wrong.proof.pop_back();
  EXPECT_FALSE(verify_receipt(wrong, as_bytes("7"), signer_.key()));
  EXPECT_FALSE(verify_receipt(right, as_bytes("7"), test_signer("example.com/log", 9).key()));
  wrong = right;
  wrong.checkpoint = *sign_checkpoint({"example.com/log", kSize + 1, checkpoint_.root},
                                      test_signer("example.com/log", 9));
  EXPECT_FALSE(verify_receipt(wrong, as_bytes("7"), signer_.key()));
}

// Extra data is nobody's word: it is the one thing in a receipt that can change unnoticed.
TEST_F(Receipts, with_any_bit_flipped_are_refused) {
  const std::string text = encode(receipt(7));
  for (size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      const auto parsed = parse_receipt(as_bytes(flipped));
      EXPECT_FALSE(parsed && verify_receipt(*parsed, as_bytes("7"), signer_.key()))
          << i << " " << bit;
    }
  }
}

TEST_F(Receipts, cut_anywhere_do_not_parse) {
  const std::string text = encode(receipt(7));
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(parse_receipt(as_bytes(text.substr(0, size)))) << size;
  }
}

TEST_F(Receipts, have_no_second_spelling) {
  const std::string hash = to_base64(checkpoint_.root) + "\n", first = "c2sp.org/tlog-proof@v1\n";
  ASSERT_TRUE(parse_receipt(as_bytes(first + "index 0\n" + hash + "\n" + note_)));
  const std::vector<std::string> others = {
      "c2sp.org/tlog-proof@v2\nindex 0\n\n" + note_,
      "index 0\n\n" + note_,
      first + "\n" + note_,
      first + "Index 0\n\n" + note_,
      first + "index 00\n\n" + note_,
      first + "index  0\n\n" + note_,
      first + "index 0 \n\n" + note_,
      first + "index\n\n" + note_,
      first + "index -1\n\n" + note_,
      first + "index 9223372036854775808\n\n" + note_,
      first + "extra \nindex 0\n\n" + note_,
      first + "extra AQI\nindex 0\n\n" + note_,
      first + "extra AQI=\nextra AQI=\nindex 0\n\n" + note_,
      first + "index 0\nextra AQI=\n\n" + note_,
      first + "index 0\nAQI=\n\n" + note_,
      first + "index 0\n" + note_,
      first + "index 0\n\n\n" + note_,
      first + "index 0\n " + hash + "\n" + note_,
      first + "index 0\r\n\n" + note_,
      first + "index 0\n\nhello\n\n" + note_.substr(note_.rfind("\n\n") + 2)};
  for (const std::string& bad : others) {
    EXPECT_FALSE(parse_receipt(as_bytes(bad))) << bad;
  }
}

TEST_F(Receipts, are_bounded_in_every_part) {
  Receipt r = receipt(7);
  r.proof.assign(merkle::kProofHashesMax, Hash{});
  r.extra.assign(kExtraBytesMax, 7);
  EXPECT_TRUE(parse_receipt(as_bytes(encode(r))));
  r.proof.emplace_back();
  EXPECT_EQ(parse_receipt(as_bytes(encode(r))).error().code, Code::kLimit);
  r.proof.pop_back();
  r.extra.push_back(7);
  EXPECT_EQ(parse_receipt(as_bytes(encode(r))).error().code, Code::kLimit);
}

}  // namespace
}  // namespace stele::receipt
