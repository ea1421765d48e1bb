// The contract of vault::Vault, held against each of its implementations.
#include <gtest/gtest.h>

#include "ledger/test_shared.h"
#include "vault/local_vault.h"

namespace stele::ledger {
namespace {

/// A vault, and a ledger that writes to it.
class Kept {
 public:
  virtual ~Kept() = default;
  virtual const vault::Vault& vault() = 0;
  virtual Ledger& ledger() = 0;
  /// A volume of its own.
  virtual void add(const std::vector<segment::Sealed>& segments) = 0;
  virtual TestStream stream() = 0;
};

class InDirectory final : public Kept {
 public:
  InDirectory() { ledger_->close_volumes_at(1); }
  const vault::Vault& vault() override { return vault_; }
  Ledger& ledger() override { return *ledger_; }
  void add(const std::vector<segment::Sealed>& segments) override {
    std::vector<Incoming> batch;
    for (const segment::Sealed& each : segments) batch.push_back(Incoming::of(each.bytes).value());
    ASSERT_TRUE(ledger_->append(batch));
    ASSERT_TRUE(ledger_->sync());
  }
  TestStream stream() override { return {files_, world_.clock, world_.random}; }

 private:
  World world_;
  sim::SimFileSystem files_{world_.disk};
  std::unique_ptr<DirectoryLedger> ledger_ = world_.open(files_).value();
  vault::LocalVault vault_{files_, kLayout.vault()};
};

class InStore final : public Kept {
 public:
  InStore() { EXPECT_TRUE(server_.open()); }
  const vault::Vault& vault() override { return server_.vault; }
  Ledger& ledger() override { return *server_.ledger; }
  void add(const std::vector<segment::Sealed>& segments) override {
    ASSERT_TRUE(server_.append(segments));
  }
  TestStream stream() override { return shared_.stream(); }

 private:
  SharedWorld shared_;
  SharedServer server_{shared_};
};

struct Kind {
  const char* name;
  std::unique_ptr<Kept> (*make)();
};

class VaultContract : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { kept_ = GetParam().make(); }
  const vault::Vault& vault() { return kept_->vault(); }

  std::unique_ptr<Kept> kept_;
};

TEST_P(VaultContract, VolumesFollowEachOtherAndHoldWhatWasAppended) {
  TestStream a = kept_->stream(), b = kept_->stream();
  const std::vector<std::vector<segment::Sealed>> all = {
      {a.next(), b.next()}, {a.next()}, {b.next(), b.next(), a.next()}};
  for (const auto& segments : all) kept_->add(segments);
  const auto volumes = vault().volumes().value();
  ASSERT_EQ(volumes, (std::vector<vault::VolumeName>{{0, 0}, {2, 0}, {3, 0}}));
  EXPECT_EQ(vault().volume_after({0, 0}).value(), volumes[1]);
  EXPECT_EQ(vault().volume_after({1, 0}).value(), volumes[1]);
  EXPECT_EQ(vault().volume_after(volumes[2]).value(), std::nullopt);
  EXPECT_TRUE(vault().has_volume(volumes[1]));
  EXPECT_FALSE(vault().has_volume({1, 0}));
  EXPECT_FALSE(vault().has_volume({2, 1}));
  EXPECT_EQ(vault().read_volume({1, 0}).error().code, Code::kNotFound);

  vault::RecordCursor cursor(vault(), {volumes[0], 0, 0});
  for (const auto& segments : all) {
    for (const segment::Sealed& each : segments) {
      ASSERT_EQ(cursor.look().value(), vault::Found::kRecord);
      EXPECT_EQ(cursor.leaf().segment_hash, each.hash);
      Bytes read;
      ASSERT_TRUE(cursor.read_segment(read));
      EXPECT_EQ(read, each.bytes);
      cursor.advance();
    }
  }
  EXPECT_EQ(cursor.look().value(), vault::Found::kEnd);
  kept_->add({a.next()});
  EXPECT_EQ(cursor.look().value(), vault::Found::kRecord) << "who stood at the end goes on";
  EXPECT_EQ(cursor.position().index, 6U);
}

TEST_P(VaultContract, AVolumeIsReadFromAnywhere) {
  TestStream a = kept_->stream();
  const auto sealed = a.next(3000);
  kept_->add({sealed});
  const auto file = kept_->vault().read_volume({0, 0}).value();
  EXPECT_EQ(file->size().value(), segment::kLeafBytes + sealed.bytes.size());
  Bytes some(100);
  EXPECT_EQ(file->read_at(segment::kLeafBytes + 50, some).value(), 100U);
  EXPECT_TRUE(std::equal(some.begin(), some.end(), sealed.bytes.begin() + 50));
  EXPECT_EQ(file->read_at(file->size().value() - 10, some).value(), 10U);
  EXPECT_EQ(file->read_at(file->size().value() + 10, some).value(), 0U);
}

TEST_P(VaultContract, OnceIsOnce) {
  const Bytes bytes = {1, 2, 3}, others = {1, 2, 4};
  EXPECT_EQ(vault().get("tile/0/000", 100).error().code, Code::kNotFound);
  ASSERT_TRUE(vault().put_once("tile/0/000", bytes));
  ASSERT_TRUE(vault().put_once("tile/0/000", bytes));
  EXPECT_EQ(vault().put_once("tile/0/000", others).error().code, Code::kExists);
  EXPECT_EQ(vault().get("tile/0/000", 3).value(), bytes);
  EXPECT_EQ(vault().get("tile/0/000", 2).error().code, Code::kLimit);
}

TEST_P(VaultContract, TheLogIsThereAsItIsPublished) {
  TestStream a = kept_->stream();
  for (int i = 0; i < 300; ++i) kept_->add({a.next(1)});
  ASSERT_TRUE(kept_->ledger().publish_through(300));
  const auto checkpoint = kept_->ledger().checkpoint().value().value();
  EXPECT_EQ(checkpoint.size, 300U);
  VaultTiles tiles(vault());
  EXPECT_EQ(merkle::root_of(tiles, 300).value(), checkpoint.root);
  EXPECT_EQ(vault().list("tile").value(), (std::vector<std::string>{"0", "1", "entries"}));
  EXPECT_EQ(vault().list("tile/entries").value(), (std::vector<std::string>{"000", "001.p"}));
  EXPECT_EQ(vault().list("tile/7").error().code, Code::kNotFound);
  EXPECT_TRUE(vault().get("checkpoint", 1 << 16));
}

INSTANTIATE_TEST_SUITE_P(
    All, VaultContract,
    testing::Values(Kind{"directory",
                         []() -> std::unique_ptr<Kept> { return std::make_unique<InDirectory>(); }},
                    Kind{"store",
                         []() -> std::unique_ptr<Kept> { return std::make_unique<InStore>(); }}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace stele::ledger
