// Hosts' keys are committed with the tails, and found there when a ledger is opened.
#include "ledger/key_replay.h"

#include <gtest/gtest.h>

#include "crypto/sha256.h"
#include "ledger/test_rotation.h"
#include "vault/local_vault.h"

namespace stele::ledger {
namespace {

constexpr size_t kFiller = 1024;  // leaves, after which a snapshot is taken

struct Holder {
  World world;
};

class KeyReplay : public ::testing::Test, protected Holder, protected RotatingHost {
 protected:
  KeyReplay() : RotatingHost(Holder::world) {}

  /// Takes them, with a checkpoint behind.
  void take(const std::vector<Sealed>& all) {
    auto ledger = world.open(files).value();
    for (const Sealed& each : all) ASSERT_TRUE(ledger->append(each.bytes));
    ASSERT_TRUE(ledger->sync());
    ASSERT_TRUE(ledger->publish_through(ledger->size()));
  }
  /// Keys that rotate, of which a list in two parts, with a stream that is never heard of again.
  void take_a_story() {
    std::vector<Sealed> all{next(*host), next(*a), next(*b)};
    all.push_back(rotate({standing(all[1]), standing(all[2])}));
    host->carry({.agreed = {{make_uuid_v7(world.clock.wall(), world.random), 3, Hash{7}}}});
    all.push_back(next(*host));
    parts = 1;
    all.push_back(rotate({}));
    parts = 0;
    first_rotation = all[3].bytes;
    for (size_t i = 0; i < kFiller; ++i) all.push_back(next(*b));
    take(all);
  }
  Head head() { return HeadStore(files, kLayout.head()).load().value(); }
  static Bytes bytes_of(const KeyEpochs& epochs) {
    Bytes bytes;
    epochs.encode(bytes);
    return bytes;
  }
  Bytes found() {
    const auto ledger = world.open(files).value();
    return bytes_of(ledger->key_epochs(World::trust(files).hosts).value());
  }
  /// By a walk from the first leaf.
  Bytes walked() {
    const vault::LocalVault vault(files, kLayout.vault());
    vault::RecordCursor cursor(vault, {});
    const HostKeys enrolled = World::trust(files).hosts;
    KeyEpochs epochs;
    Tails tails;
    for (; cursor.look().value() == vault::Found::kRecord; cursor.advance()) {
      EXPECT_TRUE(tails.apply(cursor.leaf()));
      EXPECT_TRUE(take_keys(
          epochs, cursor, [&]() -> Result<const HostKeys*> { return &enrolled; },
          [&](const StreamId& stream) { return tails.find(stream).value(); }));
    }
    return bytes_of(epochs);
  }

  using Holder::world;
  sim::SimFileSystem files{world.disk};
  Bytes first_rotation;
};

TEST_F(KeyReplay, what_is_found_is_what_a_walk_from_the_first_leaf_gives) {
  take_a_story();
  ASSERT_GT(head().tails_size, 0U);
  EXPECT_EQ(found(), walked());
  EXPECT_GT(found().size(), 16U) << "it is not empty";
  take({rotate({}), next(*host)});  // behind the snapshot
  ASSERT_LT(head().tails_size, head().size);
  EXPECT_EQ(found(), walked());
}

TEST_F(KeyReplay, records_before_the_snapshot_are_not_read_for_it) {
  take_a_story();
  const Bytes before = found();
  const std::string volume = kLayout.vault() + "/volume/000000000000.vol";
  Bytes bytes = files.read(volume, 1 << 24).value();
  const auto at =
      std::search(bytes.begin(), bytes.end(), first_rotation.begin(), first_rotation.end());
  ASSERT_NE(at, bytes.end());
  std::fill_n(at + segment::kHeaderBytes, 200, 0);
  ASSERT_TRUE(files.protect(volume, os::Protection::kNone));
  ASSERT_TRUE(files.replace(volume, bytes));
  EXPECT_EQ(found(), before);
  EXPECT_NE(walked(), before);
}

TEST_F(KeyReplay, a_snapshot_that_the_head_does_not_name_opens_nothing) {
  take_a_story();
  const std::string path = kLayout.tails(head().tails_size);
  Bytes bytes = files.read(path, 1 << 20).value();
  bytes[bytes.size() - 40] ^= 1;
  ASSERT_TRUE(files.replace(path, bytes));
  EXPECT_EQ(world.open(files).error().code, Code::kCorrupt);
}

TEST_F(KeyReplay, with_a_snapshot_of_version_1_everything_is_replayed) {
  take_a_story();
  const Bytes before = found();
  Head at = head();
  Bytes bytes = files.read(kLayout.tails(at.tails_size), 1 << 20).value();
  bytes[std::string_view("stele-tails-v").size()] = '1';
  bytes.erase(bytes.begin() + 48, bytes.begin() + 52);  // how much it says of keys
  ASSERT_TRUE(files.replace(kLayout.tails(at.tails_size), bytes));
  at.tails_hash = crypto::sha256(bytes);
  ASSERT_TRUE(files.replace(kLayout.head(), as_bytes(encode(at))));
  EXPECT_EQ(found(), before);
  std::vector<Sealed> more;
  for (size_t i = 0; i < kFiller; ++i) more.push_back(next(*b));
  take(more);
  EXPECT_GT(head().tails_size, at.tails_size);
  EXPECT_EQ(found(), before);
}

TEST_F(KeyReplay, bytes_that_are_cut_short_or_out_of_order_are_none) {
  take_a_story();
  const Bytes whole = found();
  EXPECT_TRUE(KeyEpochs::parse(whole));
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(KeyEpochs::parse(ByteSpan(whole).first(size)).error().code, Code::kCorrupt) << size;
  Bytes more = whole;
  more.push_back(0);
  EXPECT_FALSE(KeyEpochs::parse(more));
  for (size_t at = 0; at < 4; ++at) {
    Bytes other = whole;
    other[at] ^= 0x40;
    EXPECT_FALSE(KeyEpochs::parse(other));
  }
}

}  // namespace
}  // namespace stele::ledger
