#include "policy/signed.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "crypto/sha256.h"
#include "policy/test_policy.h"

namespace stele::policy {
namespace {

Bytes example() { return signed_by(policy_signer(), kExample); }

SignedPolicy version(uint64_t number, const std::string& rules = "") {
  const Bytes note =
      signed_by(policy_signer(), "stele-policy-v1\nstele/log/5f0c2a91\n" + std::to_string(number) +
                                     "\n2026-11-24\n" + rules);
  auto opened = open_policy(note, policy_signer().key());
  CHECK(opened);
  return *std::move(opened);
}

TEST(SignedPolicy, opens_with_the_pinned_key) {
  const auto opened = open_policy(example(), policy_signer().key());
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->policy, policy_of(kExample));
  EXPECT_EQ(opened->hash, crypto::sha256(example()));
}

std::string vector_of(const std::string& name) {
  std::ifstream file(STELE_TESTDATA "/vectors/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(SignedPolicy, is_the_golden_vector) {
  EXPECT_EQ(vector_of("policy.txt"), as_text(example()));
  EXPECT_EQ(vector_of("policy_retention.txt"), as_text(signed_by(policy_signer(), kEverything)));
}

TEST(SignedPolicy, by_somebody_else_is_none) {
  const auto other = open_policy(signed_by(policy_signer(8), kExample), policy_signer().key());
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kUnauthentic);
  EXPECT_FALSE(open_policy(as_bytes(kExample), policy_signer().key())) << "not signed at all";
}

TEST(SignedPolicy, cut_or_with_any_bit_flipped_is_none) {
  const Bytes note = example();
  for (size_t size = 0; size < note.size(); ++size)
    EXPECT_FALSE(open_policy(ByteSpan(note).first(size), policy_signer().key())) << size;
  for (size_t bit = 0; bit < note.size() * 8; ++bit) {
    Bytes flipped = note;
    flipped[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    EXPECT_FALSE(open_policy(flipped, policy_signer().key())) << bit;
  }
}

TEST(SignedPolicy, in_another_spelling_is_none_though_signed) {
  const auto opened =
      open_policy(signed_by(policy_signer(), kHeadLines + "\nrule a\n"), policy_signer().key());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
}

TEST(SignedPolicy, versions_never_go_back) {
  EXPECT_TRUE(check_succession(version(3), version(4)));
  EXPECT_TRUE(check_succession(version(3), version(3)));
  const Status older = check_succession(version(3), version(2));
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, Code::kConflict);
  const Status other = check_succession(version(3), version(3, "rule a\n"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kConflict);
}

TEST(SignedPolicy, retention_classes_are_extended_and_nothing_else) {
  const auto before = version(3, "retention card-data class 1 366 days\n");
  EXPECT_TRUE(check_succession(before, version(4, "retention card-data class 1 366 days\n")));
  EXPECT_TRUE(check_succession(
      before, version(4, "retention card-data class 1 400 days\nretention b class 2 1 days\n")));
  for (const char* worse :
       {"", "retention card-data class 1 365 days\n", "retention other class 1 366 days\n",
        "retention card-data class 2 366 days\n"}) {
    const Status refused = check_succession(before, version(4, worse));
    ASSERT_FALSE(refused) << worse;
    EXPECT_EQ(refused.error().code, Code::kConflict);
  }
}

TEST(SignedPolicy, of_another_log_or_another_list_does_not_hold_here) {
  Policy policy = policy_of(kExample);
  const Home home{"stele/log/5f0c2a91", crypto::sha256(as_bytes("the list"))};
  EXPECT_TRUE(check_home(policy, home));
  policy.recipients = home.recipients;
  EXPECT_TRUE(check_home(policy, home));
  policy.recipients->front() ^= 1;
  EXPECT_FALSE(check_home(policy, home));
  EXPECT_FALSE(check_home(policy_of(kExample), {"stele/log/another", home.recipients}));
}

}  // namespace
}  // namespace stele::policy
