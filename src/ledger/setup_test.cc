// Making a ledger: whole, or not at all.
#include "ledger/setup.h"

#include <gtest/gtest.h>

#include "ledger/test_world.h"

namespace stele::ledger {
namespace {

struct Machine {
  sim::Clock clock;
  sim::Disk disk;
  RandomSource random = sim::random(7);

  Result<SetupReport> set_up(sim::Plan plan = {}, SetupOptions options = {"stele/test/2", {}, {}}) {
    sim::SimFileSystem files(disk, plan);
    auto report = ledger::set_up(files, kLayout, options, clock, random);
    steps = files.steps().size();
    return report;
  }
  size_t count_files() const {
    size_t count = 0;
    for (const auto& [path, entry] : disk.snapshot()) count += entry.is_directory ? 0 : 1;
    return count;
  }
  Report verify_now() {
    sim::SimFileSystem files(disk);
    return World::verify_now(files);
  }

  size_t steps = 0;
};

TEST(Setup, failed_at_any_step_it_can_be_done_again) {
  Machine whole;
  ASSERT_TRUE(whole.set_up().has_value());
  for (const Code code : {Code::kIo, Code::kNoSpace}) {
    for (size_t k = 1; k <= whole.steps; ++k) {
      Machine machine;
      if (!machine.set_up({.fail_at = k, .fail_code = code})) {
        EXPECT_TRUE(machine.set_up().has_value()) << "step " << k;
      }
      EXPECT_EQ(machine.verify_now().verdict, Verdict::kIntact) << "step " << k;
    }
  }
}

TEST(Setup, on_a_full_disk_no_key_is_left_behind) {
  Machine whole;
  ASSERT_TRUE(whole.set_up().has_value());
  for (size_t k = 1; k <= whole.steps; ++k) {
    Machine machine;
    const auto report =
        machine.set_up({.fail_at = k, .fail_code = Code::kNoSpace, .fails_from_there = true});
    if (report) continue;
    for (const auto& [path, entry] : machine.disk.snapshot())
      EXPECT_FALSE(path.ends_with(".key") || path.ends_with(".age")) << "step " << k << path;
  }
}

TEST(Setup, interrupted_it_says_so_and_removes_nothing) {
  Machine whole;
  ASSERT_TRUE(whole.set_up().has_value());
  for (size_t k = 1; k <= whole.steps; ++k) {
    Machine machine;
    (void)machine.set_up({.crash_at = k, .crash = sim::Plan::Crash::kKill});
    machine.disk.restart(k);
    const size_t before = machine.count_files();
    const auto again = machine.set_up();
    if (again) continue;
    EXPECT_EQ(again.error().code, Code::kExists);
    EXPECT_NE(again.error().context.find("holds a ledger"), std::string::npos);
    EXPECT_EQ(machine.count_files(), before);
  }
}

TEST(Setup, after_a_power_cut_at_any_step_it_is_whole_or_no_ledger) {
  Machine whole;
  ASSERT_TRUE(whole.set_up().has_value());
  int no_ledger = 0;
  for (size_t k = 1; k <= whole.steps; ++k) {
    for (uint64_t seed = 1; seed <= 8; ++seed) {
      Machine machine;
      (void)machine.set_up({.crash_at = k, .crash = sim::Plan::Crash::kPowerCut});
      machine.disk.restart(seed);
      sim::SimFileSystem files(machine.disk);
      if (files.exists(kLayout.log_vkey())) {
        EXPECT_EQ(machine.verify_now().verdict, Verdict::kIntact) << "step " << k;
      } else {
        ++no_ledger;
      }
    }
  }
  EXPECT_GT(no_ledger, 8);
}

TEST(Setup, of_a_bad_name_leaves_nothing) {
  for (const std::string origin : {"", "with space", "with+plus", "\n", "caf\xc3\xa9"}) {
    Machine machine;
    const auto report = machine.set_up({}, {origin, {}, {}});
    ASSERT_FALSE(report.has_value());
    EXPECT_EQ(report.error().code, Code::kInvalid);
    EXPECT_EQ(machine.steps, 0U);
  }
}

}  // namespace
}  // namespace stele::ledger
