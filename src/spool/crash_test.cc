// After every k-th I/O: kill, power cut, failure. Then what was synced and not freed is there, in
// order and byte for byte; what was set aside is in aside/; `taken` says what is there; nothing is
// cried over.
#include <algorithm>

#include "spool/test_promises.h"

namespace stele::spool {
namespace {

// A stream that flows, one that is stuck, one that is refused, one that is closed; files end, go,
// and are emptied. With `careless`, segments count as synced without a sync: the control.
Status work(World& world, os::FileSystem& files, Promises& promises, bool careless = false) {
  TestStream flows(1), stuck(2), refused(3), closes(4);
  TRY(const auto spool, world.open(files));
  Worker worker(*spool, promises, careless);
  for (int round = 0; round < 6; ++round) {
    TRY_VOID(worker.append(flows, 300));
    if (round % 3 == 0) TRY_VOID(worker.append(stuck, 50));
    TRY_VOID(worker.append(flows, 700));
    if (round < 3) TRY_VOID(worker.append(refused, 60));
    if (round < 2) TRY_VOID(worker.append(closes, 60, round == 1));
    TRY_VOID(worker.sync());
    if (round == 2) TRY_VOID(worker.set_aside(refused.id(), 1));
    if (round > 0 && !careless) TRY_VOID(worker.ship(stuck.id(), refused.id()));
    world.clock.advance(std::chrono::seconds(1));
  }
  return {};
}

void prepare(World& world) {
  world.options.quota.bytes_max = 12 << 10;  // a quarter of it may be dead in ended files
  world.options.quota.owner_bytes_max = 12 << 10;
  world.options.quota.reserve_bytes = 700;  // the ballast
}

// Runs the workload with the plan; returns the I/O steps it took.
std::vector<std::string> run(World& world, sim::Plan plan, Promises& promises) {
  sim::SimFileSystem files(world.disk, plan);
  (void)work(world, files, promises);
  return files.steps();
}

std::vector<std::string> steps_of_the_workload() {
  World world;
  prepare(world);
  Promises promises;
  return run(world, {}, promises);
}

bool has_step(const std::vector<std::string>& steps, std::string_view what) {
  return std::any_of(steps.begin(), steps.end(),
                     [&](const std::string& s) { return s.find(what) != std::string::npos; });
}

TEST(Crash, workload_alone_does_all_there_is_to_do) {
  World world;
  prepare(world);
  Promises promises;
  const auto steps = run(world, {}, promises);
  EXPECT_EQ(promises.synced.size(), 19U);
  EXPECT_EQ(promises.freed.size(), 15U);
  EXPECT_EQ(promises.closed.size(), 1U);
  EXPECT_TRUE(has_step(steps, "put /spool/aside/"));
  EXPECT_TRUE(has_step(steps, "replace /spool/state"));
  EXPECT_TRUE(has_step(steps, "remove /spool/000000000000-")) << "the stuck one was moved out";
  expect_promises_kept(world, promises, "no crash");
}

TEST(Crash, kill_at_every_step_loses_nothing_synced) {
  const size_t steps = steps_of_the_workload().size();
  for (size_t k = 1; k <= steps; ++k) {
    World world;
    prepare(world);
    Promises promises;
    run(world, {.crash_at = k, .crash = sim::Plan::Crash::kKill}, promises);
    expect_promises_kept(world, promises, "killed at step " + std::to_string(k));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Crash, power_cut_at_every_step_loses_nothing_synced) {
  const size_t steps = steps_of_the_workload().size();
  for (size_t k = 1; k <= steps; ++k) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      World world;
      prepare(world);
      Promises promises;
      run(world, {.crash_at = k, .crash = sim::Plan::Crash::kPowerCut}, promises);
      world.disk.restart(seed);
      world.clock.reboot();
      expect_promises_kept(
          world, promises,
          "power cut at step " + std::to_string(k) + ", seed " + std::to_string(seed));
      if (testing::Test::HasFailure()) return;
    }
  }
}

// The next process is cut too, while it recovers, and the one after that.
TEST(Crash, cuts_during_recovery_lose_nothing_either) {
  const size_t steps = steps_of_the_workload().size();
  for (size_t k = 5; k <= steps; k += 5) {
    for (size_t again = 1; again <= 30; ++again) {
      World world;
      prepare(world);
      Promises promises;
      run(world, {.crash_at = k, .crash = sim::Plan::Crash::kPowerCut}, promises);
      world.disk.restart(k);
      for (uint64_t seed = 1; seed <= 2; ++seed) {
        sim::SimFileSystem files(world.disk,
                                 {.crash_at = again, .crash = sim::Plan::Crash::kPowerCut});
        (void)world.open(files);
        world.disk.cut_power();
        world.disk.restart(seed * again);
      }
      expect_promises_kept(world, promises,
                           "cut at step " + std::to_string(k) + ", then twice at " +
                               std::to_string(again) + " of the recovery");
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(Crash, failure_of_every_step_is_told_and_loses_nothing_synced) {
  const size_t steps = steps_of_the_workload().size();
  for (const Code code : {Code::kIo, Code::kNoSpace}) {
    for (const bool lasting : {false, true}) {
      for (size_t k = 1; k <= 2 * steps; ++k) {
        World world;
        prepare(world);
        Promises promises;
        run(world, {.fail_at = (k + 1) / 2, .fail_code = code, .fails_from_there = lasting},
            promises);
        const std::string when =
            "step " + std::to_string((k + 1) / 2) + " failed: " + std::string(code_name(code));
        if (k % 2 == 0) {
          EXPECT_EQ(broken_promises(world, promises, when, true), 0);
        }
        world.disk.restart(k);
        expect_promises_kept(world, promises, when + ", then the power");
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

// The check must be able to fail: without syncs, power cuts lose what was promised.
TEST(Crash, control_without_syncs_promises_are_broken) {
  int broken = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    World world;
    prepare(world);
    world.options.file_bytes_max = 1 << 20;  // or the end of a file syncs
    world.options.quota.bytes_max = world.options.quota.owner_bytes_max = 1 << 20;
    Promises promises;
    {
      sim::SimFileSystem files(world.disk);
      (void)work(world, files, promises, true);
    }
    world.disk.cut_power();
    world.disk.restart(seed);
    broken += broken_promises(world, promises, "control", false) > 0 ? 1 : 0;
  }
  EXPECT_GE(broken, 8);
}

}  // namespace
}  // namespace stele::spool
