// Lists change while a server runs: whatever was once in force stays known, and nothing that the
// policy key did not sign ever is.
#include "ledger/recipients_store.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "ledger/test_recipients.h"
#include "ledger/test_world.h"

namespace stele::ledger {
namespace {

class RecipientsStoreTest : public ::testing::Test {
 protected:
  Bytes next(uint64_t serial) { return next(serial, policy_signer(files, kLayout)); }
  Bytes next(uint64_t serial, const receipt::NoteSigner& signer) {
    return next_list(files, kLayout, serial, signer,
                     crypto::Identity::generate(world.random).recipient());
  }
  void put(const Bytes& note) { ASSERT_TRUE(files.replace(kLayout.recipients(), note)); }
  RecipientsStore store() { return RecipientsStore::open(files, kLayout).value(); }

  World world;
  sim::SimFileSystem files{world.disk};
};

TEST_F(RecipientsStoreTest, a_new_list_is_in_force_and_the_one_before_stays_known) {
  auto lists = store();
  const Hash first = lists.current()->hash();
  EXPECT_EQ(lists.known(), (std::set<Hash>{first}));
  put(next(2));
  ASSERT_TRUE(lists.refresh());
  EXPECT_EQ(lists.current()->list.serial, 2U);
  const std::set<Hash> both = {first, lists.current()->hash()};
  EXPECT_EQ(lists.known(), both);
  put(next(7));
  auto later = store();
  EXPECT_EQ(later.known().size(), 3U) << "also by another process";
  EXPECT_EQ(later.current()->list.serial, 7U);
}

TEST_F(RecipientsStoreTest, what_is_not_signed_older_or_another_of_its_serial_is_refused) {
  put(next(5));
  auto lists = store();
  const Hash before = lists.current()->hash();
  const auto stranger =
      receipt::NoteSigner::make("stele/test/1/policy", crypto::SigningKey::generate(world.random));
  const std::pair<Bytes, Code> cases[] = {{next(6, *stranger), Code::kUnauthentic},
                                          {next(4), Code::kConflict},
                                          {next(5), Code::kConflict},
                                          {Bytes{1, 2, 3}, Code::kCorrupt}};
  for (const auto& [note, code] : cases) {
    const Bytes good = lists.current()->note;
    put(note);
    EXPECT_EQ(lists.refresh().error().code, code);
    EXPECT_EQ(lists.current()->hash(), before);
    EXPECT_FALSE(files.exists(kLayout.kept_recipients() + "/" + to_hex(crypto::sha256(note))));
    put(good);
    EXPECT_TRUE(lists.refresh());
  }
  put(next(6, *stranger));
  EXPECT_EQ(RecipientsStore::open(files, kLayout).error().code, Code::kUnauthentic);
}

TEST_F(RecipientsStoreTest, a_kept_list_counts_if_the_policy_key_signed_it) {
  auto lists = store();
  const Bytes lost = next(9);
  ASSERT_TRUE(keep_recipients_list(files, kLayout, lost));
  const auto stranger =
      receipt::NoteSigner::make("stele/test/1/policy", crypto::SigningKey::generate(world.random));
  ASSERT_TRUE(keep_recipients_list(files, kLayout, next(10, *stranger)));
  ASSERT_TRUE(lists.refresh());
  EXPECT_EQ(lists.known(), (std::set<Hash>{lists.current()->hash(), crypto::sha256(lost)}));
  EXPECT_EQ(lists.current()->list.serial, 1U);
}

TEST_F(RecipientsStoreTest, none_is_in_force_before_it_is_kept) {
  for (size_t k = 1;; ++k) {
    auto lists = store();
    put(next(lists.current()->list.serial + 1));
    files.set_plan({.fail_at = files.steps().size() + k});
    const bool taken = lists.refresh().has_value();
    files.set_plan({});
    const Hash hash = lists.current()->hash();
    EXPECT_TRUE(lists.known().contains(hash));
    EXPECT_TRUE(files.exists(kLayout.kept_recipients() + "/" + to_hex(hash))) << "at step " << k;
    if (taken) break;
    ASSERT_LT(k, 100U);
  }
}

}  // namespace
}  // namespace stele::ledger
