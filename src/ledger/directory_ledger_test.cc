#include <gtest/gtest.h>

#include "ledger/ledger.h"
#include "ledger/repair.h"
#include "ledger/test_world.h"

namespace stele::ledger {
namespace {

class LedgerTest : public testing::Test {
 protected:
  World world;
  sim::SimFileSystem files{world.disk};

  TestStream stream() { return TestStream(files, world.clock, world.random); }
  void append_all(Ledger& ledger, TestStream& s, int count) {
    for (int i = 0; i < count; ++i)
      ASSERT_TRUE(ledger.append(s.next(50, i + 1 == count).bytes).has_value());
  }
  Verdict verdict_of(const Report& report, const StreamId& id) {
    for (const StreamReport& s : report.streams) {
      if (s.stream == id) return s.verdict;
    }
    return Verdict::kMissing;
  }
};

TEST_F(LedgerTest, covers_a_session_and_says_intact) {
  auto ledger = world.open(files).value();
  TestStream s = stream();
  append_all(*ledger, s, 3);
  ASSERT_TRUE(ledger->sync().has_value());
  ASSERT_TRUE(ledger->publish_through(3).has_value());
  const Report report = world.verify_now();
  EXPECT_EQ(report.verdict, Verdict::kIntact);
  EXPECT_EQ(report.checkpoint->size, 3U);
  ASSERT_EQ(report.streams.size(), 1U);
  EXPECT_EQ(report.streams[0].verdict, Verdict::kIntact);
  EXPECT_EQ(report.streams[0].segments, 3U);
  EXPECT_TRUE(report.faults.empty());
}

TEST_F(LedgerTest, says_unsealed_before_a_checkpoint_covers) {
  auto ledger = world.open(files).value();
  TestStream s = stream();
  append_all(*ledger, s, 2);
  ASSERT_TRUE(ledger->sync().has_value());
  const Report report = world.verify_now();
  EXPECT_EQ(report.verdict, Verdict::kIntact);
  EXPECT_EQ(verdict_of(report, s.id()), Verdict::kUnsealed);
}

TEST_F(LedgerTest, tells_open_from_cut_by_who_lives) {
  auto ledger = world.open(files).value();
  TestStream s = stream();
  ASSERT_TRUE(ledger->append(s.next().bytes).has_value());
  ASSERT_TRUE(ledger->sync().has_value());
  ASSERT_TRUE(ledger->publish_through(1).has_value());
  VerifyOptions options;
  options.is_live = [](const StreamId&) { return true; };
  EXPECT_EQ(verdict_of(World::verify_now(files, options), s.id()), Verdict::kOpen);
  EXPECT_EQ(verdict_of(world.verify_now(), s.id()), Verdict::kCut);
}

TEST_F(LedgerTest, a_session_that_ends_while_it_is_verified_was_open_not_cut) {
  auto ledger = world.open(files).value();
  TestStream s = stream(), dead = stream();
  for (TestStream* each : {&s, &dead}) ASSERT_TRUE(ledger->append(each->next().bytes).has_value());
  ASSERT_TRUE(ledger->sync().has_value());
  ASSERT_TRUE(ledger->publish_through(2).has_value());
  VerifyOptions options;
  options.is_live = [&](const StreamId& id) {
    if (id == s.id()) {
      EXPECT_TRUE(ledger->append(s.next(10, true).bytes).has_value());
    }
    return false;
  };
  const Report report = World::verify_now(files, options);
  EXPECT_EQ(verdict_of(report, s.id()), Verdict::kOpen);
  EXPECT_EQ(verdict_of(report, dead.id()), Verdict::kCut);
  EXPECT_EQ(verdict_of(world.verify_now(), s.id()), Verdict::kUnsealed);
}

/// Somebody else does something right after this process read a file.
class Meddled : public sim::SimFileSystem {
 public:
  Meddled(sim::Disk& disk, std::string path, std::function<void()> then)
      : SimFileSystem(disk), path_(std::move(path)), then_(std::move(then)) {}
  Result<Bytes> read(const std::string& path, size_t bytes_max) override {
    auto bytes = SimFileSystem::read(path, bytes_max);
    if (path == path_ && then_) std::exchange(then_, {})();
    return bytes;
  }

 private:
  const std::string path_;
  std::function<void()> then_;
};

TEST_F(LedgerTest, opens_while_another_process_publishes) {
  auto ledger = world.open(files).value();
  TestStream s = stream();
  const std::vector<std::string> read = {kLayout.head(), kLayout.vault() + "/log/checkpoint"};
  for (const size_t leaves : {3, 1200, 1200}) {  // the last one replaces the tails' snapshot
    for (const std::string& path : read) {
      for (size_t i = 0; i < leaves; ++i) ASSERT_TRUE(ledger->append(s.next().bytes).has_value());
      ASSERT_TRUE(ledger->sync().has_value());
      Meddled others(world.disk, path,
                     [&] { ASSERT_TRUE(ledger->publish_through(ledger->size()).has_value()); });
      const auto opened = world.open(others);
      ASSERT_TRUE(opened.has_value()) << path << ": " << opened.error().message();
      EXPECT_EQ((*opened)->size(), ledger->size());
    }
  }
}

TEST_F(LedgerTest, takes_the_same_segment_again_and_refuses_another_in_its_place) {
  auto ledger = world.open(files).value();
  TestStream s = stream();
  const auto first = s.next();
  ASSERT_EQ(ledger->append(first.bytes)->index, 0U);
  EXPECT_EQ(ledger->append(first.bytes)->index, std::nullopt);
  EXPECT_EQ(ledger->size(), 1U);
  (void)s.next();
  EXPECT_EQ(ledger->append(s.next().bytes).error().code, Code::kConflict) << "one was left out";
  EXPECT_EQ(ledger->size(), 1U);
}

TEST_F(LedgerTest, is_shared_by_processes) {
  sim::SimFileSystem other_files(world.disk);
  auto one = world.open(files).value();
  auto two = world.open(other_files).value();
  TestStream a = stream(), b = stream();
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(one->append(a.next(50, i == 19).bytes)->index, 2U * i);
    ASSERT_EQ(two->append(b.next(50, i == 19).bytes)->index, 2U * i + 1);
  }
  ASSERT_TRUE(one->sync().has_value());
  ASSERT_TRUE(two->sync().has_value());
  ASSERT_TRUE(two->publish_through(40).has_value());
  EXPECT_EQ(one->published(), 40U);
  const Report report = world.verify_now();
  EXPECT_EQ(report.verdict, Verdict::kIntact);
  EXPECT_EQ(verdict_of(report, a.id()), Verdict::kIntact);
  EXPECT_EQ(verdict_of(report, b.id()), Verdict::kIntact);
}

TEST_F(LedgerTest, one_sync_serves_all_who_wait) {
  sim::SimFileSystem other_files(world.disk);
  auto one = world.open(files).value();
  auto two = world.open(other_files).value();
  TestStream a = stream(), b = stream();
  ASSERT_TRUE(one->append(a.next().bytes).has_value());
  ASSERT_TRUE(two->append(b.next().bytes).has_value());
  ASSERT_TRUE(one->sync().has_value());
  const size_t steps = other_files.steps().size();
  ASSERT_TRUE(two->sync().has_value());
  EXPECT_EQ(other_files.steps().size(), steps) << "the second found its leaf durable already";
}

TEST_F(LedgerTest, goes_on_behind_a_record_that_a_killed_process_left_half_written) {
  auto survivor = world.open(files).value();
  TestStream a = stream();
  ASSERT_TRUE(survivor->append(a.next().bytes).has_value());
  sim::Plan plan;
  plan.crash = sim::Plan::Crash::kKill;
  plan.crash_at = 2;
  sim::SimFileSystem doomed(world.disk, plan);
  auto victim = world.open(doomed).value();
  TestStream b = stream();
  ASSERT_FALSE(victim->append(b.next().bytes).has_value());
  const auto second = a.next(50, true);
  ASSERT_EQ(survivor->append(second.bytes)->index, 1U);
  ASSERT_TRUE(survivor->sync().has_value());
  ASSERT_TRUE(survivor->publish_through(2).has_value());
  const Report report = world.verify_now();
  EXPECT_EQ(report.verdict, Verdict::kIntact);
  EXPECT_EQ(verdict_of(report, a.id()), Verdict::kIntact);
  EXPECT_EQ(report.streams.size(), 1U);
}

TEST_F(LedgerTest, refuses_volumes_rolled_back_behind_the_head) {
  auto ledger = world.open(files).value();
  TestStream s = stream();
  append_all(*ledger, s, 2);
  ASSERT_TRUE(ledger->sync().has_value());
  ASSERT_TRUE(ledger->publish_through(2).has_value());
  ledger.reset();
  const std::string volume = "/ledger/vault/volume/000000000000.vol";
  ASSERT_TRUE(world.disk.tamper(volume, [](Bytes& b) { b.resize(b.size() / 2); }).has_value());
  const auto again = world.open(files);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, Code::kConflict);
  EXPECT_NE(again.error().context.find("rolled back"), std::string::npos);
  EXPECT_EQ(world.verify_now().verdict, Verdict::kTampered);
}

TEST_F(LedgerTest, refuses_a_head_behind_the_checkpoint_and_repair_mends_it) {
  const Bytes old_head = files.read(kLayout.head(), 4096).value();
  auto ledger = world.open(files).value();
  TestStream s = stream();
  append_all(*ledger, s, 2);
  ASSERT_TRUE(ledger->sync().has_value());
  ASSERT_TRUE(ledger->publish_through(2).has_value());
  ledger.reset();
  world.disk.put(kLayout.head(), old_head);
  const auto again = world.open(files);
  ASSERT_FALSE(again.has_value());
  EXPECT_NE(again.error().context.find("head rolled back"), std::string::npos);
  EXPECT_EQ(repair_head(files, kLayout, World::trust(files).log).value(), 2U);
  EXPECT_TRUE(world.open(files).has_value());
  EXPECT_EQ(world.verify_now().verdict, Verdict::kIntact);
}

TEST_F(LedgerTest, stops_for_good_after_a_failed_sync_and_recovers_when_opened_anew) {
  auto other = world.open(files).value();
  sim::SimFileSystem failing(world.disk);
  auto ledger = world.open(failing).value();
  TestStream s = stream();
  ASSERT_TRUE(ledger->append(s.next().bytes).has_value());
  ASSERT_TRUE(ledger->sync().has_value());
  ASSERT_TRUE(ledger->append(s.next().bytes).has_value());
  failing.set_plan({.fail_at = failing.steps().size() + 1});
  EXPECT_FALSE(ledger->sync().has_value());
  EXPECT_FALSE(ledger->append(s.next().bytes).has_value());
  EXPECT_FALSE(other->append(stream().next().bytes).has_value()) << "nobody goes on";
  sim::SimFileSystem fresh(world.disk);
  auto again = world.open(fresh).value();
  TestStream t(fresh, world.clock, world.random);
  append_all(*again, t, 2);
  ASSERT_TRUE(again->sync().has_value());
  ASSERT_TRUE(again->publish_through(again->size()).has_value());
  world.disk.cut_power();
  world.disk.restart(3);
  const Report report = world.verify_now();
  EXPECT_EQ(report.verdict, Verdict::kIntact);
  EXPECT_EQ(verdict_of(report, t.id()), Verdict::kIntact);
}

TEST_F(LedgerTest, snapshots_tails_so_that_opening_does_not_replay_everything) {
  auto ledger = world.open(files).value();
  for (int i = 0; i < 700; ++i) {
    TestStream s = stream();
    append_all(*ledger, s, 2);
    if (i % 100 == 99) {
      ASSERT_TRUE(ledger->sync().has_value());
      ASSERT_TRUE(ledger->publish_through(ledger->size()).has_value());
    }
  }
  const Head head = HeadStore(files, kLayout.head()).load().value();
  EXPECT_GE(head.tails_size, 1024U);
  ledger.reset();
  auto again = world.open(files).value();
  EXPECT_EQ(again->size(), 1400U);
  TestStream s = stream();
  append_all(*again, s, 2);
  EXPECT_EQ(world.verify_now().verdict, Verdict::kIntact);
}

TEST_F(LedgerTest, keeps_partial_tiles_of_the_newest_two_checkpoints_only) {
  auto ledger = world.open(files).value();
  TestStream s = stream();
  for (uint64_t i = 1; i <= 300; ++i) {
    ASSERT_TRUE(ledger->append(s.next().bytes).has_value());
    ASSERT_TRUE(ledger->sync().has_value());
    ASSERT_TRUE(ledger->publish_through(i).has_value());
  }
  size_t partials = 0;
  for (const auto& [path, entry] : world.disk.snapshot()) {
    if (!entry.is_directory && path.find(".p/") != std::string::npos) ++partials;
  }
  EXPECT_LE(partials, 6U);
  EXPECT_EQ(world.verify_now().verdict, Verdict::kIntact);
}

}  // namespace
}  // namespace stele::ledger
