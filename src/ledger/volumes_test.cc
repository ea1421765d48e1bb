// A ledger of several volumes, two of which end in torn records: what somebody could do to whole
// volumes is found and named too, and so is what only one of several volumes shows.
#include <gtest/gtest.h>

#include "ledger/test_report.h"
#include "ledger/test_world.h"
#include "vault/local_vault.h"

namespace stele::ledger {
namespace {

const std::string kFolder = "/ledger/vault/volume/";
const std::vector<std::string> kVolumes = {"000000000000.vol", "000000000002.vol",
                                           "000000000004.vol"};

/// Two sessions of three segments each; before the third and the fifth leaf the power was cut.
class Volumes : public ::testing::Test {
 protected:
  Volumes() {
    sim::SimFileSystem files(world.disk);
    TestStream a(files, world.clock, world.random), b(files, world.clock, world.random);
    append({{&a, false}, {&b, false}});
    tear();
    append({{&b, false}, {&a, false}});
    tear();
    append({{&a, true}, {&b, true}});
    whole = world.disk.snapshot();
  }

  struct Part {
    TestStream* stream;
    bool close;
  };
  void append(const std::vector<Part>& parts) {
    sim::SimFileSystem files(world.disk);
    auto ledger = world.open(files).value();
    for (const Part& part : parts)
      ASSERT_TRUE(ledger->append(part.stream->next(20, part.close).bytes).has_value());
    ASSERT_TRUE(ledger->sync().has_value());
    ASSERT_TRUE(ledger->publish_through(ledger->size()).has_value());
    newest =
        kFolder + vault::to_string(vault::LocalVault(files, kLayout.vault()).volumes()->back());
  }
  void tear() {
    const auto half = [](Bytes& b) { b.insert(b.end(), b.begin(), b.begin() + 150); };
    ASSERT_TRUE(world.disk.tamper(newest, half).has_value());
  }
  Bytes bytes_of(size_t i) const { return whole.at(kFolder + kVolumes[i]).bytes; }

  World world;
  std::string newest;
  sim::Image whole;
};

TEST_F(Volumes, torn_ends_are_noted_and_nobody_is_blamed) {
  const Report report = world.verify_now();
  EXPECT_EQ(report.verdict, Verdict::kIntact) << describe(report);
  EXPECT_EQ(report.leaves, 6U);
  EXPECT_EQ(report.notes.size(), 2U);
  for (const std::string& name : kVolumes) EXPECT_TRUE(whole.contains(kFolder + name)) << name;
}

TEST_F(Volumes, each_deleted_one_is_missing) {
  for (size_t i = 0; i < kVolumes.size(); ++i) {
    ASSERT_TRUE(world.disk.erase(kFolder + kVolumes[i]).has_value());
    const Report report = world.verify_now();
    EXPECT_GE(report.verdict, Verdict::kMissing) << describe(report);
    for (size_t leaf = 2 * i; leaf < 2 * i + 2; ++leaf)
      EXPECT_TRUE(names(report, "missing", "leaf " + std::to_string(leaf))) << describe(report);
    world.disk.restore(whole);
  }
}

TEST_F(Volumes, any_two_that_changed_their_names_are_out_of_order) {
  for (size_t i = 0; i < kVolumes.size(); ++i) {
    for (size_t j = i + 1; j < kVolumes.size(); ++j) {
      world.disk.put(kFolder + kVolumes[i], bytes_of(j));
      world.disk.put(kFolder + kVolumes[j], bytes_of(i));
      const Report report = world.verify_now();
      EXPECT_EQ(report.verdict, Verdict::kTampered) << describe(report);
      EXPECT_TRUE(names(report, "reordered", kVolumes[i]) ||
                  names(report, "reordered", kVolumes[j]))
          << i << j << describe(report);
      world.disk.restore(whole);
    }
  }
}

TEST_F(Volumes, each_that_stands_there_twice_is_found) {
  for (size_t i = 0; i < kVolumes.size(); ++i) {
    for (const std::string name : {"000000000001.vol", "000000000004.1.vol", "000000000006.vol"}) {
      world.disk.put(kFolder + name, bytes_of(i));
      const Report report = world.verify_now();
      EXPECT_EQ(report.verdict, Verdict::kTampered) << i << name << describe(report);
      EXPECT_TRUE(names(report, "duplicate", "leaf") || names(report, "stray volume", ".vol"))
          << describe(report);
      world.disk.restore(whole);
    }
  }
}

TEST_F(Volumes, leaves_copied_behind_an_end_are_found) {
  // Bytes that are no leaf are harmless there; a leaf can only have been put there.
  const Bytes next = bytes_of(1);
  ASSERT_TRUE(world.disk
                  .tamper(kFolder + kVolumes[0],
                          [&](Bytes& b) {
                            b.resize(b.size() - 150);
                            b.insert(b.end(), next.begin(), next.end());
                          })
                  .has_value());
  const Report report = world.verify_now();
  EXPECT_TRUE(names(report, "stray volume", kVolumes[0])) << describe(report);
}

TEST_F(Volumes, a_bit_of_any_record_of_any_of_them_is_found) {
  for (size_t i = 0; i < kVolumes.size(); ++i) {
    const size_t torn = i == 2 ? 0 : 150;
    for (size_t bit = 0; bit < (bytes_of(i).size() - torn) * 8; bit += 89) {
      const auto flip = [&](Bytes& b) { b[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8)); };
      ASSERT_TRUE(world.disk.tamper(kFolder + kVolumes[i], flip).has_value());
      const Report report = world.verify_now();
      ASSERT_GE(report.verdict, Verdict::kMissing) << kVolumes[i] << " bit " << bit;
      // Where the damage hides the end of the last record, all behind its beginning is named.
      ASSERT_TRUE(names(report, "altered", kVolumes[i]) || names(report, "cut short", kVolumes[i]))
          << bit << describe(report);
      ASSERT_TRUE(world.disk.tamper(kFolder + kVolumes[i], flip).has_value());
    }
  }
}

}  // namespace
}  // namespace stele::ledger
