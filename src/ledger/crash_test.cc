// After every k-th I/O: kill, power cut, failure. Then what was acknowledged is there, what was
// covered verifies, nothing is cried over.
#include <gtest/gtest.h>

#include <algorithm>

#include "ledger/test_crash.h"
#include "vault/local_vault.h"

namespace stele::ledger {
namespace {

// Three sessions side by side; a sync after some appends, a publication after some syncs, as a busy
// second has them. With `careless`, segments count as acknowledged without a sync: the control.
Status work(World& world, os::FileSystem& files, Promises& promises, bool careless = false) {
  std::vector<TestStream> streams;
  sim::SimFileSystem keys(world.disk);
  for (int i = 0; i < 3; ++i) streams.emplace_back(keys, world.clock, world.random);
  TRY(auto ledger, world.open(files));
  std::vector<std::pair<StreamId, Hash>> waiting;
  for (int round = 0; round < 4; ++round) {
    for (TestStream& s : streams) {
      const auto sealed = promises.next(s, 40 + 700 * (round % 2), round == 3);
      TRY_VOID(ledger->append(sealed.bytes));
      waiting.emplace_back(s.id(), sealed.hash);
    }
    if (!careless) TRY_VOID(ledger->sync());
    promises.acknowledged.insert(promises.acknowledged.end(), waiting.begin(), waiting.end());
    waiting.clear();
    if (round % 2 == 1 && !careless) {
      TRY_VOID(ledger->publish_through(ledger->size()));
      promises.covered = ledger->size();
    }
    world.clock.advance(std::chrono::seconds(1));
  }
  return {};
}

// Runs the workload with the plan; returns how many I/O steps it took.
size_t run(World& world, sim::Plan plan, Promises& promises) {
  sim::SimFileSystem files(world.disk, plan);
  (void)work(world, files, promises);
  return files.steps().size();
}

size_t steps_of_the_workload() {
  World world;
  Promises promises;
  return run(world, {}, promises);
}

TEST(Crash, workload_alone_is_intact) {
  World world;
  Promises promises;
  run(world, {}, promises);
  EXPECT_EQ(promises.acknowledged.size(), 12U);
  EXPECT_EQ(promises.covered, 12U);
  expect_promises_kept(world, promises, "no crash");
}

TEST(Crash, kill_at_every_step_loses_nothing_acknowledged) {
  World world;
  const size_t steps = steps_of_the_workload();
  for (size_t k = 1; k <= steps; ++k) {
    world.disk.restore(world.fresh);
    Promises promises;
    run(world, {.crash_at = k, .crash = sim::Plan::Crash::kKill}, promises);
    expect_promises_kept(world, promises, "killed at step " + std::to_string(k));
    if (HasFatalFailure()) return;
  }
}

TEST(Crash, power_cut_at_every_step_loses_nothing_acknowledged) {
  World world;
  const size_t steps = steps_of_the_workload();
  for (size_t k = 1; k <= steps; ++k) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      world.disk.restore(world.fresh);
      Promises promises;
      run(world, {.crash_at = k, .crash = sim::Plan::Crash::kPowerCut}, promises);
      world.disk.restart(seed);
      world.clock.reboot();
      expect_promises_kept(
          world, promises,
          "power cut at step " + std::to_string(k) + ", seed " + std::to_string(seed));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Crash, a_second_cut_during_recovery_loses_nothing_either) {
  World world;
  const size_t steps = steps_of_the_workload();
  for (size_t k = 3; k <= steps; k += 5) {
    for (size_t again = 1; again <= 12; ++again) {
      world.disk.restore(world.fresh);
      Promises promises;
      run(world, {.crash_at = k, .crash = sim::Plan::Crash::kPowerCut}, promises);
      world.disk.restart(k);
      Promises later;  // of which nothing is asked, but it was written
      run(world, {.crash_at = again, .crash = sim::Plan::Crash::kPowerCut}, later);
      promises.written.merge(later.written);
      world.disk.restart(again);
      expect_promises_kept(
          world, promises,
          "cut at step " + std::to_string(k) + ", then at " + std::to_string(again));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Crash, failure_of_every_step_is_told_and_loses_nothing_acknowledged) {
  World world;
  const size_t steps = steps_of_the_workload();
  for (const Code code : {Code::kIo, Code::kNoSpace}) {
    for (const bool lasting : {false, true}) {
      for (size_t k = 1; k <= steps; ++k) {
        world.disk.restore(world.fresh);
        Promises promises;
        run(world, {.fail_at = k, .fail_code = code, .fails_from_there = lasting}, promises);
        expect_promises_kept(
            world, promises,
            "step " + std::to_string(k) + " failed: " + std::string(code_name(code)));
        if (HasFatalFailure()) return;
      }
    }
  }
}

// The check must be able to fail: without syncs, power cuts lose what was acknowledged.
TEST(Crash, control_without_syncs_promises_are_broken) {
  World world;
  int broken = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    world.disk.restore(world.fresh);
    Promises promises;
    {
      sim::SimFileSystem files(world.disk);
      ASSERT_TRUE(work(world, files, promises, true).has_value());
    }
    world.disk.cut_power();
    world.disk.restart(seed);
    sim::SimFileSystem files(world.disk);
    auto ledger = world.open(files);
    const vault::LocalVault vault(files, kLayout.vault());
    const Catalog catalog = Catalog::read(vault).value();
    const auto& all = promises.acknowledged;
    broken += std::any_of(all.begin(), all.end(), [&](const auto& p) { return !has(catalog, p); })
                  ? 1
                  : 0;
  }
  EXPECT_GE(broken, 8);
}

}  // namespace
}  // namespace stele::ledger
