#include "receipt/cosignature.h"

#include <gtest/gtest.h>

#include "merkle/test_vectors.h"
#include "receipt/test_keys.h"

namespace stele::receipt {
namespace {

const std::string kText = "example.com/log\n70000\nGkzfy2Y3SgwNy+9JrL1JdtE+6GT7PLJB/JQ8rQTwL34=\n";

TEST(Cosignature, is_64_bytes_behind_its_time) {
  const auto signature = witness().sign(kText, kCosignedAt);
  ASSERT_TRUE(signature);
  EXPECT_EQ(signature->bytes.size(), 72U);
  EXPECT_EQ(ByteReader(signature->bytes).u64(), 1'700'000'000U);
  const auto time = verify_cosignature(witness().key(), kText, signature->bytes);
  ASSERT_TRUE(time);
  EXPECT_EQ(*time, kCosignedAt);
}

TEST(Cosignature, of_the_go_library_is_verified_when_a_note_is_opened) {
  const auto vectors = merkle::load_tlog_vectors();
  const VerifierKey keys[] = {*VerifierKey::parse(vectors.log_vkey),
                              *VerifierKey::parse(vectors.witness_vkey)};
  const auto opened = open_note(as_bytes(vectors.checkpoint), keys);
  ASSERT_TRUE(opened) << opened.error().message();
  ASSERT_EQ(opened->verified.size(), 2U);
  EXPECT_EQ(opened->verified[0], (VerifiedSignature{keys[0], std::nullopt}));
  EXPECT_EQ(opened->verified[1], (VerifiedSignature{keys[1], kCosignedAt}));
  EXPECT_TRUE(opened->unverified.empty());
}

TEST(Cosignature, with_any_bit_flipped_is_wrong) {
  const auto signature = *witness().sign(kText, kCosignedAt);
  for (size_t bit = 0; bit < signature.bytes.size() * 8; ++bit) {
    Bytes flipped = signature.bytes;
    flipped[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    const auto time = verify_cosignature(witness().key(), kText, flipped);
    ASSERT_FALSE(time) << bit;
    EXPECT_EQ(time.error().code, Code::kUnauthentic);
  }
}

TEST(Cosignature, cut_or_extended_is_wrong) {
  Bytes bytes = witness().sign(kText, kCosignedAt)->bytes;
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(verify_cosignature(witness().key(), kText, ByteSpan(bytes).first(size)));
  }
  bytes.push_back(0);
  EXPECT_FALSE(verify_cosignature(witness().key(), kText, bytes));
}

TEST(Cosignature, is_for_one_text_and_one_key) {
  const auto signature = *witness().sign(kText, kCosignedAt);
  EXPECT_FALSE(verify_cosignature(witness().key(), kText + "extension\n", signature.bytes));
  EXPECT_FALSE(
      verify_cosignature(test_cosigner("witness.example/w1", 3).key(), kText, signature.bytes));
}

TEST(Cosignature, is_never_a_plain_signature_nor_the_other_way_round) {
  const auto signer = test_signer("witness.example/w1", 2);  // the witness's key, but of type 01
  const auto cosignature = *witness().sign(kText, kCosignedAt);
  EXPECT_FALSE(verify_cosignature(signer.key(), kText, cosignature.bytes));
  Note note{kText, {{signer.key().name, signer.key().id(), cosignature.bytes}}};
  EXPECT_FALSE(open_note(as_bytes(encode(note)), {&signer.key(), 1}));
}

TEST(Cosignature, is_given_to_checkpoints_at_a_possible_time_alone) {
  EXPECT_EQ(witness().sign("hello\n", kCosignedAt).error().code, Code::kInvalid);
  EXPECT_EQ(witness().sign(kText, std::chrono::sys_seconds(std::chrono::seconds(-1))).error().code,
            Code::kInvalid);
  const auto end_of_time = std::chrono::sys_seconds::max();
  const auto last = witness().sign(kText, end_of_time);
  EXPECT_EQ(*verify_cosignature(witness().key(), kText, last->bytes), end_of_time);
}

TEST(Cosignature, with_a_time_beyond_2_to_the_63_is_wrong_though_signed) {
  const uint64_t time = uint64_t{1} << 63;
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.u64(time);
  writer.bytes(
      test_key(2).sign(as_bytes("cosignature/v1\ntime " + std::to_string(time) + "\n" + kText)));
  EXPECT_FALSE(verify_cosignature(witness().key(), kText, bytes));
}

}  // namespace
}  // namespace stele::receipt
