// As crash_test.cc, where a ledger has more to do: two writers, and within a few appends the first
// full tile or a tails' snapshot, and a volume that is full. After every k-th I/O a power cut, the
// death of one writer, a failure.
#include <gtest/gtest.h>

#include "base/check.h"
#include "ledger/directory_ledger.h"
#include "ledger/test_crash.h"
#include "vault/local_vault.h"

namespace stele::ledger {
namespace {

constexpr uint32_t kSegmentsPerSession = 10;
constexpr size_t kSegmentBytes = 200;
constexpr size_t kRounds = 2, kSessionsPerRound = 3, kWriters = 2;

/// A ledger of so many leaves, all of them covered.
struct Base {
  explicit Base(uint64_t leaves) {
    sim::SimFileSystem files(world.disk);
    auto ledger = world.open(files).value();
    std::optional<TestStream> stream;
    for (uint64_t i = 0; i < leaves; ++i) {
      const uint64_t sequence = i % kSegmentsPerSession;
      if (sequence == 0) stream.emplace(files, world.clock, world.random);
      const bool close = sequence + 1 == kSegmentsPerSession || i + 1 == leaves;
      const auto sealed = promises.next(*stream, kSegmentBytes, close);
      if (sequence == 0) promises.acknowledged.emplace_back(stream->id(), sealed.hash);
      CHECK(ledger->append(sealed.bytes).has_value());
      world.clock.advance(std::chrono::milliseconds(10));
    }
    CHECK(ledger->sync().has_value() && ledger->publish_through(leaves).has_value());
    promises.covered = leaves;
    image = world.disk.snapshot();
    volume_bytes = image.at("/ledger/vault/volume/000000000000.vol").bytes.size();
  }

  World world;
  Promises promises;  // as of that image
  sim::Image image;
  uint64_t volume_bytes = 0;
};

/// One process that appends to its own sessions.
class Writer {
 public:
  Writer(Base& base, sim::Plan plan) : base_(base), files_(base.world.disk, plan) {
    sim::SimFileSystem keys(base.world.disk);
    signer_ = base.world.signer(keys);
    for (size_t i = 0; i < kRounds * kSessionsPerRound; ++i)
      streams_.emplace_back(keys, base.world.clock, base.world.random);
  }

  /// Sessions of one segment each, of which nothing is known before the sync; in the second
  /// round all of it is covered.
  void work(size_t round, Promises& promises) {
    if (is_well_) is_well_ = try_work(round, promises).has_value();
  }
  bool is_well() const { return is_well_; }
  size_t steps() const { return files_.steps().size(); }

 private:
  Status try_work(size_t round, Promises& promises) {
    if (!ledger_) {
      TRY(ledger_, DirectoryLedger::open(files_, kLayout, base_.world.clock, signer_));
      ledger_->close_volumes_at(base_.volume_bytes + 3000);
    }
    std::vector<std::pair<StreamId, Hash>> waiting;
    for (size_t i = 0; i < kSessionsPerRound; ++i) {
      TestStream& stream = streams_[round * kSessionsPerRound + i];
      const auto sealed = promises.next(stream, kSegmentBytes, true);
      TRY_VOID(ledger_->append(sealed.bytes));
      waiting.emplace_back(stream.id(), sealed.hash);
    }
    TRY_VOID(ledger_->sync());
    promises.acknowledged.insert(promises.acknowledged.end(), waiting.begin(), waiting.end());
    if (round % 2 == 1) {
      TRY_VOID(ledger_->publish_through(ledger_->size()));
      promises.covered = std::max(promises.covered, ledger_->size());
    }
    return {};
  }

  Base& base_;
  sim::SimFileSystem files_;
  LogSigner signer_;
  std::vector<TestStream> streams_;
  std::unique_ptr<DirectoryLedger> ledger_;
  bool is_well_ = true;
};

class LargeCrash : public ::testing::TestWithParam<uint64_t> {
 protected:
  LargeCrash() : base(GetParam()) {}

  /// Both writers in turn, the plan for the first; true if the second came to the end.
  bool run(sim::Plan plan, Promises& promises) {
    base.world.disk.restore(base.image);
    promises = base.promises;
    Writer first(base, plan), second(base, {});
    for (size_t round = 0; round < kRounds; ++round) {
      first.work(round, promises);
      second.work(round, promises);
      base.world.clock.advance(std::chrono::seconds(1));
    }
    steps = first.steps();
    return second.is_well();
  }
  size_t count_steps() {
    Promises promises;
    run({}, promises);
    return steps;
  }

  Base base;
  size_t steps = 0;
};

TEST_P(LargeCrash, without_one_a_tile_a_snapshot_and_a_full_volume_are_there) {
  Promises promises;
  EXPECT_TRUE(run({}, promises));
  const uint64_t leaves = GetParam() + kRounds * kSessionsPerRound * kWriters;
  EXPECT_EQ(promises.covered, leaves);
  sim::SimFileSystem files(base.world.disk);
  const vault::LocalVault vault(files, kLayout.vault());
  const auto volumes = vault.volumes().value();
  ASSERT_EQ(volumes.size(), 2U);
  EXPECT_EQ(files.protection(vault.path(volumes[0])), os::Protection::kImmutable);
  EXPECT_EQ(files.protection(vault.path(volumes[1])), os::Protection::kAppendOnly);
  const std::string tile = vault.log_path("tile/0/000");
  EXPECT_TRUE(files.exists(tile));
  EXPECT_EQ(base.image.contains(tile), GetParam() >= 256);
  const auto has_snapshot = [](const sim::Image& image) {
    return std::any_of(image.begin(), image.end(), [](const auto& entry) {
      return entry.first.starts_with("/ledger/state/tails-");
    });
  };
  EXPECT_FALSE(has_snapshot(base.image));
  EXPECT_TRUE(has_snapshot(base.world.disk.snapshot())) << "at the new volume, if not before";
  expect_promises_kept(base.world, promises, "no crash");
}

TEST_P(LargeCrash, power_cut_at_every_step_loses_nothing_acknowledged) {
  const size_t all = count_steps();
  ASSERT_GT(all, 30U);
  for (size_t k = 1; k <= all; ++k) {
    Promises promises;
    run({.crash_at = k, .crash = sim::Plan::Crash::kPowerCut}, promises);
    base.world.disk.restart(k);
    base.world.clock.reboot();
    expect_promises_kept(base.world, promises, "power cut at step " + std::to_string(k));
    if (HasFatalFailure()) return;
  }
}

TEST_P(LargeCrash, one_writer_killed_at_every_second_step_the_other_goes_on) {
  const size_t all = count_steps();
  for (size_t k = 1; k <= all; k += 2) {
    Promises promises;
    const std::string when = "killed at step " + std::to_string(k);
    ASSERT_TRUE(run({.crash_at = k, .crash = sim::Plan::Crash::kKill}, promises)) << when;
    expect_promises_kept(base.world, promises, when);
    if (HasFatalFailure()) return;
  }
}

TEST_P(LargeCrash, failure_of_every_second_step_loses_nothing_acknowledged) {
  const size_t all = count_steps();
  for (size_t k = 2; k <= all; k += 2) {
    Promises promises;
    run({.fail_at = k, .fail_code = k % 4 == 0 ? Code::kIo : Code::kNoSpace}, promises);
    expect_promises_kept(base.world, promises, "failed at step " + std::to_string(k));
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(At, LargeCrash, ::testing::Values(250, 1014),
                         [](const auto& at) { return std::to_string(at.param) + "_leaves"; });

}  // namespace
}  // namespace stele::ledger
