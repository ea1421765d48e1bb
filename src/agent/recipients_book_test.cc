#include "agent/recipients_book.h"

#include <gtest/gtest.h>

#include "crypto/sha256.h"
#include "ledger/test_recipients.h"
#include "ledger/test_world.h"

namespace stele::agent {
namespace {

using ledger::kLayout;

class RecipientsBookTest : public ::testing::Test {
 protected:
  std::unique_ptr<RecipientsBook> book() {
    auto opened = RecipientsBook::open(
        files, kLayout.recipients(),
        ledger::load_verifier_key(files, kLayout.policy_vkey()).value(),
        [this](const event::Finding& finding) { told.push_back(finding.what); });
    EXPECT_TRUE(opened.has_value()) << opened.error().message();
    return *std::move(opened);
  }
  Bytes next(uint64_t serial) { return next(serial, ledger::policy_signer(files, kLayout)); }
  Bytes next(uint64_t serial, const receipt::NoteSigner& signer) {
    return ledger::next_list(files, kLayout, serial, signer,
                             crypto::Identity::generate(world.random).recipient());
  }
  /// The server says that this one is in force.
  void hear(RecipientsBook& it, const Bytes& note) {
    it.hear(crypto::sha256(note), [&]() -> Result<Bytes> {
      ++fetched;
      return note;
    });
  }
  bool was_told(std::string_view what) const {
    return !told.empty() && told.back().find(what) != std::string::npos;
  }

  ledger::World world;
  sim::SimFileSystem files{world.disk};
  std::vector<std::string> told;
  int fetched = 0;
};

TEST_F(RecipientsBookTest, a_newer_list_is_sealed_for_and_kept) {
  const auto it = book();
  const auto seal_for = it->seal_for();
  const Hash before = it->hash();
  EXPECT_EQ(seal_for()->list_hash, before);
  hear(*it, files.read(kLayout.recipients(), 1 << 16).value());
  EXPECT_EQ(fetched, 0) << "nothing is asked for while nothing changed";
  const Bytes note = next(2);
  hear(*it, note);
  EXPECT_EQ(seal_for()->list_hash, crypto::sha256(note));
  EXPECT_EQ(seal_for()->lanes[1].size(), 2U);
  EXPECT_TRUE(was_told("serial 2 is sealed for"));
  EXPECT_EQ(book()->hash(), crypto::sha256(note)) << "also by the next agent";
}

TEST_F(RecipientsBookTest, what_the_pinned_key_did_not_sign_or_is_older_is_refused_and_told_once) {
  const auto it = book();
  hear(*it, next(5));
  const Hash before = it->hash();
  const auto stranger =
      receipt::NoteSigner::make("stele/test/1/policy", crypto::SigningKey::generate(world.random));
  for (const Bytes& note : {next(6, *stranger), next(4), next(5), Bytes{1, 2, 3}}) {
    told.clear();
    hear(*it, note);
    hear(*it, note);
    EXPECT_EQ(it->hash(), before);
    EXPECT_EQ(book()->hash(), before);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_TRUE(was_told("the server's list is not taken, serial 5 is sealed for: "));
  }
}

TEST_F(RecipientsBookTest, a_list_that_could_not_be_fetched_or_kept_is_asked_for_again) {
  const auto it = book();
  const Bytes note = next(2);
  it->hear(crypto::sha256(note), []() -> Result<Bytes> { return fail(Code::kIo, "away"); });
  EXPECT_TRUE(was_told("away"));
  files.set_plan({.fail_at = files.steps().size() + 1});
  hear(*it, note);
  EXPECT_NE(it->hash(), crypto::sha256(note)) << "nothing is sealed for it before it is durable";
  files.set_plan({});
  hear(*it, note);
  EXPECT_EQ(it->hash(), crypto::sha256(note));
}

TEST_F(RecipientsBookTest, a_memory_that_the_pinned_key_did_not_sign_is_for_a_person_to_look_at) {
  const auto stranger =
      receipt::NoteSigner::make("stele/test/1/policy", crypto::SigningKey::generate(world.random));
  ASSERT_TRUE(files.replace(kLayout.recipients(), next(2, *stranger)));
  const auto opened = RecipientsBook::open(
      files, kLayout.recipients(), ledger::load_verifier_key(files, kLayout.policy_vkey()).value(),
      [](const event::Finding&) {});
  EXPECT_EQ(opened.error().code, Code::kUnauthentic);
}

}  // namespace
}  // namespace stele::agent
