// What has expired goes, what has not stays, and whoever makes either look like the other is found.
#include "retention/prune.h"

#include <gtest/gtest.h>

#include "ledger/catalog.h"
#include "retention/test_retention.h"

namespace stele::retention {
namespace {

class PruneTest : public ::testing::Test, protected RetentionWorld {
 protected:
  /// A session of each kind, a year and a day ago.
  PruneTest() {
    brief = session(kShort);
    lasting = session(kLong);
    for_ever = session(0);
  }
  void a_year_passes() {
    pass(366);
    go_on();
  }
  void expect_all_is_told(const Report& report, const StreamId& id) {
    EXPECT_EQ(verdict_of(report, id), Verdict::kExpired) << describe(report);
    EXPECT_EQ(report.verdict, Verdict::kIntact) << describe(report);
  }

  void lose_policies() {
    for (const auto& [path, entry] : world.disk.snapshot()) {
      const bool is_policy = path == kLayout.policy() || path.starts_with(kLayout.kept_policies());
      if (!is_policy || entry.is_directory) continue;
      ASSERT_TRUE(world.disk.erase(path));
    }
  }

  StreamId brief{}, lasting{}, for_ever{};
};

TEST_F(PruneTest, what_has_expired_goes_and_everybody_can_see_that_it_was_lawful) {
  a_year_passes();
  ASSERT_TRUE(prune()) << prune().error().message();
  EXPECT_FALSE(has_volume(0));
  EXPECT_TRUE(has_volume(2)) << "kept longer";
  EXPECT_TRUE(has_volume(4)) << "kept for ever";
  EXPECT_NE(stays[2].find("kept until 2027-02-05"), std::string::npos) << stays[2];
  EXPECT_NE(stays[4].find("kept for ever"), std::string::npos) << stays[4];
  const Report report = verify();
  expect_all_is_told(report, brief);
  EXPECT_EQ(verdict_of(report, lasting), Verdict::kIntact);
  EXPECT_EQ(report.leaves, 9U) << "the ledger itself forgets nothing";
  for (const auto& stream : report.streams) {
    EXPECT_EQ(stream.expired.has_value(), stream.stream == brief);
    if (stream.expired) {
      EXPECT_EQ(stream.expired->record, 8U);
    }
  }
}

TEST_F(PruneTest, nothing_goes_before_its_day_is_over_everywhere_and_one_more) {
  pass(31);
  go_on();
  ASSERT_TRUE(prune());
  EXPECT_TRUE(has_volume(0)) << "30 days and the day itself, and one of margin";
  pass(1);
  go_on();
  ASSERT_TRUE(prune());
  EXPECT_FALSE(has_volume(0));
  expect_all_is_told(verify(), brief);
}

TEST_F(PruneTest, the_ledger_opens_and_goes_on_behind_what_is_gone) {
  a_year_passes();
  ASSERT_TRUE(prune());
  const StreamId later = session(kShort);
  const Report report = verify();
  expect_all_is_told(report, brief);
  EXPECT_EQ(verdict_of(report, later), Verdict::kIntact);
  sim::SimFileSystem files(world.disk);
  const vault::LocalVault vault(files, kLayout.vault());
  const auto catalog = ledger::Catalog::read(vault).value();
  ASSERT_NE(catalog.find(brief), nullptr) << "it is known that it was there";
  EXPECT_TRUE(catalog.find(brief)->is_gone());
  EXPECT_FALSE(catalog.find(lasting)->is_gone());
  ASSERT_NE(catalog.find(later), nullptr) << "also behind the hole";
  ledger::SegmentReader reader(vault);
  EXPECT_EQ(reader.read(catalog.find(brief)->segments[0]).error().code, Code::kNotFound);
  EXPECT_TRUE(reader.read(catalog.find(lasting)->segments[0]));
}

TEST_F(PruneTest, a_volume_lives_as_long_as_its_longest_session_and_holes_may_be_anywhere) {
  segment::Sealer a = stream(Kind::kSession, kShort), b = stream(Kind::kSession, kLong);
  commit({host.next(a), host.next(b), host.next(a, true), host.next(b, true)});
  const StreamId alone = session(kShort);
  a_year_passes();
  ASSERT_TRUE(prune());
  EXPECT_TRUE(has_volume(6));
  EXPECT_FALSE(has_volume(10)) << "one behind it goes first";
  const Report before = verify();
  expect_all_is_told(before, alone);
  EXPECT_EQ(verdict_of(before, a.stream()), Verdict::kIntact);
  pass(60);
  go_on();
  ASSERT_TRUE(prune());
  EXPECT_FALSE(has_volume(6));
  expect_all_is_told(verify(), a.stream());
  expect_all_is_told(verify(), b.stream());
}

TEST_F(PruneTest, a_session_that_goes_on_keeps_its_beginning) {
  segment::Sealer sealer = stream(Kind::kSession, kShort);
  commit({host.next(sealer)});
  const uint64_t first = 6;
  a_year_passes();
  commit({host.next(sealer)});
  go_on();
  ASSERT_TRUE(prune());
  EXPECT_TRUE(has_volume(first));
  pass(40);
  go_on();
  ASSERT_TRUE(prune());
  EXPECT_FALSE(has_volume(first));
  expect_all_is_told(verify(), sealer.stream());
}

TEST_F(PruneTest, what_hosts_and_servers_say_stays_and_proves_what_came_later) {
  segment::Sealer sealer = stream(Kind::kSession, kShort);
  own.emplace(host.sealer(Kind::kHost));
  const Sealed opening = host.next(*own);
  commit({opening, host.next(sealer)});
  commit({host.rotate({ledger::RotatingHost::standing(opening)}, 0, SIZE_MAX, &*own)});
  const StreamId after = session(kShort);
  a_year_passes();
  ASSERT_TRUE(prune());
  EXPECT_FALSE(has_volume(6));
  EXPECT_TRUE(has_volume(8)) << "nothing in it expires";
  const Report report = verify();
  expect_all_is_told(report, sealer.stream());
  expect_all_is_told(report, after);
  EXPECT_EQ(verdict_of(report, own->stream()), Verdict::kCut) << "whole";
}

TEST_F(PruneTest, nothing_expires_under_a_hold_until_that_is_released) {
  const StreamId other = session(kShort);
  const StreamId hold{1};
  say({{.id = hold, .streams = {brief}}});
  a_year_passes();
  ASSERT_TRUE(prune());
  EXPECT_TRUE(has_volume(0));
  EXPECT_NE(stays[0].find("on hold " + to_string(hold)), std::string::npos) << stays[0];
  EXPECT_FALSE(has_volume(6));
  expect_all_is_told(verify(), other);
  say({}, {hold});
  go_on();
  ASSERT_TRUE(prune());
  EXPECT_FALSE(has_volume(0));
  expect_all_is_told(verify(), brief);
}

TEST_F(PruneTest, a_hold_on_a_time_or_on_whatever_comes_covers_each_session_of_it) {
  pass(2);
  const WallTime then = world.clock.wall();
  const StreamId within = session(kShort);
  pass(2);
  const StreamId behind = session(kShort);
  say({{.id = StreamId{1}, .span = std::pair(then - Micros(1), then + Micros(1))},
       {.id = StreamId{2}, .from_leaf = 8}});
  a_year_passes();
  ASSERT_TRUE(prune());
  EXPECT_FALSE(has_volume(0));
  EXPECT_TRUE(has_volume(6)) << "in the time";
  EXPECT_TRUE(has_volume(8)) << "opened at that leaf or later";
  EXPECT_EQ(verdict_of(verify(), within), Verdict::kIntact);
  EXPECT_EQ(verdict_of(verify(), behind), Verdict::kIntact);
}

TEST_F(PruneTest, a_class_that_was_extended_keeps_what_is_there_already) {
  pass(20);
  sign_policy(2, "retention short class 1 380 days\nretention long class 2 400 days\n");
  pass(346);
  go_on();
  ASSERT_TRUE(prune());
  EXPECT_TRUE(has_volume(0));
  EXPECT_NE(stays[0].find("kept until 2027-01-16"), std::string::npos) << stays[0];
  pass(20);
  go_on();
  ASSERT_TRUE(prune());
  EXPECT_FALSE(has_volume(0));
  expect_all_is_told(verify(), brief);
}

TEST_F(PruneTest, a_clock_that_is_set_forward_makes_nothing_expire) {
  go_on();
  const WallTime now = world.clock.wall();
  world.clock.set_wall(now + std::chrono::hours(24) * 4000);
  ASSERT_TRUE(prune());
  EXPECT_TRUE(has_volume(0)) << "by the leaves it is not so late";
  // Nor does it help to say so in the ledger: the hosts' own clocks are not set.
  if (!server) server.emplace(stream(Kind::kServer));
  commit({host.next(*server)});
  ASSERT_TRUE(prune());
  EXPECT_TRUE(has_volume(0));
}

TEST_F(PruneTest, who_has_another_key_or_no_policy_removes_nothing) {
  a_year_passes();
  sim::SimFileSystem files(world.disk);
  Prune prune(files, kLayout, world.clock);
  ASSERT_TRUE(prune.look());
  const Status refused = prune.remove({prune_key.name, crypto::SigningKey(Bytes(32, 10))},
                                      world.signer(files), world.random);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPermission);
  EXPECT_TRUE(has_volume(0));
  lose_policies();
  Prune without(files, kLayout, world.clock);
  EXPECT_EQ(without.look().error().code, Code::kNotFound);
}

TEST_F(PruneTest, a_damaged_ledger_is_left_alone) {
  a_year_passes();
  ASSERT_TRUE(world.disk.tamper(kLayout.vault() + "/volume/000000000002.vol",
                                [](Bytes& bytes) { bytes[90] ^= 1; }));  // its retain-until day
  const Status refused = prune();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kCorrupt);
  EXPECT_TRUE(has_volume(0));
}

/// Who takes a volume away, and what they leave in its place.
class Theft : public PruneTest {
 protected:
  void take_away(uint64_t first, bool leaves_kept = true) {
    sim::SimFileSystem files(world.disk);
    const vault::LocalVault vault(files, kLayout.vault());
    ASSERT_TRUE(world.disk.erase(vault.path({first, 0})));
    if (leaves_kept) world.disk.put(vault.kept_path({first, 0}), {});
  }
  /// A record signed by whom one likes.
  void claim(uint64_t first, uint64_t next, const crypto::SigningKey& key,
             const std::string& name) {
    segment::Sealer sealer(make_uuid_v7(world.clock.wall(), world.random), Kind::kPrune,
                           {key, segment::host_key_id(name, key.public_key().bytes), 1},
                           host.recipients, world.random);
    sealer.carry({.expired = {{first, next}}});
    commit({host.next(sealer, true)});
  }
  void expect_missing(const StreamId& id, const std::string& why = "") {
    const Report report = verify();
    EXPECT_GE(verdict_of(report, id), Verdict::kMissing) << describe(report);
    EXPECT_TRUE(names(report, "missing", why)) << describe(report);
  }
};

TEST_F(Theft, a_volume_without_a_record_is_missing) {
  a_year_passes();
  take_away(0, false);
  expect_missing(brief);
  take_away(2);
  expect_missing(brief, "no record says that it expired");
}

TEST_F(Theft, a_record_of_the_ledgers_own_key_is_none) {
  a_year_passes();
  claim(0, 2, *host.keys[0], host.name);
  take_away(0);
  expect_missing(brief, "by a key that no policy");
  EXPECT_TRUE(names(verify(), "not its key's"));
}

TEST_F(Theft, a_record_before_the_day_is_over_is_none) {
  go_on();
  claim(0, 2, prune_key.key, prune_key.name);
  take_away(0);
  expect_missing(brief, "kept until 2026-01-31");
  a_year_passes();
  expect_missing(brief, "kept until 2026-01-31");
}

TEST_F(Theft, nor_one_that_is_dated_ahead) {
  go_on();
  const WallTime now = world.clock.wall();
  world.clock.set_wall(now + std::chrono::hours(24) * 366);
  go_on();  // every clock there is
  claim(0, 2, prune_key.key, prune_key.name);
  take_away(0);
  world.clock.set_wall(now + std::chrono::hours(1));
  expect_missing(brief, "kept until 2026-01-31");  // by the reader's clock
  go_on();
  world.clock.set_wall(now + std::chrono::hours(24) * 700);
  expect_missing(brief, "kept until 2026-01-31");  // by what came behind it
}

TEST_F(Theft, a_record_takes_nothing_that_is_kept_longer_or_for_ever_or_held) {
  const StreamId held = session(kShort);
  say({{.id = StreamId{1}, .streams = {held}}});
  a_year_passes();
  claim(0, 8, prune_key.key, prune_key.name);
  for (const uint64_t first : {0, 2, 4, 6}) take_away(first);
  EXPECT_EQ(verdict_of(verify(), brief), Verdict::kExpired);
  expect_missing(lasting, "kept until 2027-02-05");
  expect_missing(for_ever, "kept for ever");
  expect_missing(held, "on hold");
}

TEST_F(Theft, of_what_must_stay_of_a_volume_nothing_may_be_missing) {
  own.emplace(host.sealer(Kind::kHost));
  segment::Sealer sealer = stream(Kind::kSession, kShort);
  commit({host.next(*own), host.next(sealer, true)});
  a_year_passes();
  ASSERT_TRUE(prune());
  EXPECT_EQ(verify().verdict, Verdict::kIntact);
  world.disk.put(kLayout.vault() + "/kept/000000000006.vol", {});
  expect_missing(own->stream(), "a host stream is kept for ever");
}

TEST_F(Theft, without_a_policy_nobody_can_tell) {
  a_year_passes();
  ASSERT_TRUE(prune());
  lose_policies();
  const Report report = verify();
  EXPECT_EQ(verdict_of(report, brief), Verdict::kUnknown) << describe(report);
}

TEST_F(Theft, a_key_that_a_newer_policy_does_not_name_says_nothing_any_more) {
  pass(10);
  sign_policy(2, "retention short class 1 30 days\nretention long class 2 400 days\n", false);
  a_year_passes();
  claim(0, 2, prune_key.key, prune_key.name);
  take_away(0);
  expect_missing(brief, "by a key that no policy");
}

TEST_F(Theft, a_leaf_that_keeps_shorter_than_its_class_is_found) {
  segment::Sealer sealer = stream(Kind::kSession, kLong);
  {
    sim::SimFileSystem files(world.disk);
    auto to = world.open(files).value();
    to->set_retention_rule([](uint8_t, WallTime received) { return ledger::day_of(received) + 1; });
    ASSERT_TRUE(to->append(host.next(sealer, true).bytes));
    ASSERT_TRUE(to->sync() && to->publish_through(to->size()));
  }
  const Report report = verify();
  EXPECT_EQ(verdict_of(report, sealer.stream()), Verdict::kTampered);
  EXPECT_TRUE(names(report, "retention shortened", "class 2 keeps until 2027-02-05"))
      << describe(report);
  pass(40);
  go_on();
  go_on();
  ASSERT_TRUE(prune());
  EXPECT_EQ(verdict_of(verify(), sealer.stream()), Verdict::kTampered) << "and it stays";
}

TEST_F(PruneTest, a_crash_at_any_step_loses_nothing_and_running_it_again_is_right) {
  own.emplace(host.sealer(Kind::kHost));
  segment::Sealer sealer = stream(Kind::kSession, kShort);
  commit({host.next(*own), host.next(sealer, true)});
  a_year_passes();
  const sim::Image before = world.disk.snapshot();
  size_t steps = 0;
  {
    sim::SimFileSystem files(world.disk, {});
    ASSERT_TRUE(prune(files));
    steps = files.steps().size();
  }
  for (size_t k = 1; k <= steps; k += 1) {
    world.disk.restore(before);
    {
      sim::SimFileSystem files(world.disk, {.crash_at = k, .crash = sim::Plan::Crash::kPowerCut});
      (void)prune(files);
    }
    if (!world.disk.is_powered()) world.disk.restart(k);
    const Report left = verify();
    ASSERT_EQ(left.verdict, Verdict::kIntact) << "cut at step " << k << ": " << describe(left);
    ASSERT_TRUE(prune()) << "at step " << k;
    const Report report = verify();
    ASSERT_EQ(verdict_of(report, brief), Verdict::kExpired) << k << describe(report);
    ASSERT_EQ(report.verdict, Verdict::kIntact) << k << describe(report);
  }
}

}  // namespace
}  // namespace stele::retention
