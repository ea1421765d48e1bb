// Small protocols, crashed at every step and with many seeds. The right ones lose nothing that they
// promised; for each there is a wrong one, a sync short, and the simulator must catch it.
#include <gtest/gtest.h>

#include <functional>

#include "sim/disk.h"
#include "sim/file_system.h"

namespace stele::sim {
namespace {

using Crash = Plan::Crash;

constexpr uint64_t kSeeds = 40;

// A story runs in a process that may die at any step, and returns what it was promised. A check
// looks at the disk afterwards, in a new process, and says whether the promise holds.
using Story = std::function<int(os::FileSystem&)>;
using Check = std::function<bool(os::FileSystem&, int promised)>;

struct Tally {
  uint64_t runs = 0, broken = 0;
  std::string first;  // the first that broke, for a person
};

// Crashes `story` at each of its steps, both ways, and once after its last.
Tally crash_everywhere(const std::function<void(Disk&)>& prepare, const Story& story,
                       const Check& check) {
  Tally tally;
  for (const Crash crash : {Crash::kKill, Crash::kPowerCut}) {
    const uint64_t seeds = crash == Crash::kKill ? 1 : kSeeds;
    for (uint64_t k = 1, alive = 0; alive < seeds; ++k) {
      alive = 0;
      for (uint64_t seed = 0; seed < seeds; ++seed) {
        Disk disk;
        prepare(disk);
        SimFileSystem files(disk, {.crash_at = k, .crash = crash});
        const int promised = story(files);
        alive += files.is_alive();
        if (crash == Crash::kPowerCut) disk.restart(seed);
        SimFileSystem after(disk);
        ++tally.runs;
        if (check(after, promised)) continue;
        if (tally.broken++ == 0) {
          const auto steps = files.steps();
          tally.first = "crash " + std::to_string(k) + " seed " + std::to_string(seed) + " after " +
                        (steps.empty() ? "nothing" : steps.back());
        }
      }
    }
  }
  return tally;
}

void empty_disk(Disk&) {}

// Records of a log: [a byte that counts up][its complement, 599 times], so that none of it can be
// zeros by chance.
constexpr size_t kRecordBytes = 600;
constexpr int kRecords = 4;

Bytes record(int number) {
  Bytes bytes(kRecordBytes, static_cast<uint8_t>(~number));
  bytes[0] = static_cast<uint8_t>(number);
  return bytes;
}

enum class SyncEach { kYes, kNo };

// Returns how many records were acknowledged.
int append_records(os::FileSystem& files, SyncEach sync) {
  auto file = files.create_append("/log");
  if (!file) return 0;
  for (int number = 1; number <= kRecords; ++number) {
    const Bytes bytes = record(number);
    if (!(*file)->append({ByteSpan(bytes).first(1), ByteSpan(bytes).subspan(1)})) return number - 1;
    if (sync == SyncEach::kYes && !(*file)->sync()) return number - 1;
  }
  return kRecords;
}

bool has_records(os::FileSystem& files, int promised) {
  const auto bytes = files.read("/log", 1 << 20);
  if (!bytes) return promised == 0;
  for (int number = 1; number <= promised; ++number) {
    const size_t at = kRecordBytes * static_cast<size_t>(number - 1);
    if (bytes->size() < at + kRecordBytes) return false;
    if (!equal(ByteSpan(*bytes).subspan(at, kRecordBytes), record(number))) return false;
  }
  return true;
}

TEST(Protocol, that_syncs_before_it_acknowledges_loses_no_record) {
  const Tally tally = crash_everywhere(
      empty_disk, [](auto& files) { return append_records(files, SyncEach::kYes); }, has_records);
  EXPECT_GT(tally.runs, 500U);
  EXPECT_EQ(tally.broken, 0U) << tally.first;
}

TEST(Protocol, that_acknowledges_without_a_sync_is_caught) {
  const Tally tally = crash_everywhere(
      empty_disk, [](auto& files) { return append_records(files, SyncEach::kNo); }, has_records);
  EXPECT_GT(tally.broken, tally.runs / 10);
}

// A reader that trusts the size alone, although it was never synced with a record's bytes.
TEST(Protocol, that_trusts_the_size_of_a_file_is_caught) {
  const Tally tally = crash_everywhere(
      empty_disk, [](auto& files) { return append_records(files, SyncEach::kYes); },
      [](os::FileSystem& files, int promised) {
        const auto bytes = files.read("/log", 1 << 20);
        const size_t whole = bytes ? bytes->size() / kRecordBytes : 0;
        return has_records(files, std::max(promised, static_cast<int>(whole)));
      });
  EXPECT_GT(tally.broken, 0U);
}

// Promises the number of the last replacement that returned.
int replace_head(os::FileSystem& files,
                 Status (os::FileSystem::*replace)(const std::string&, ByteSpan)) {
  int promised = 0;
  for (int number = 1; number <= 3; ++number) {
    if (!(files.*replace)("/head", record(number))) return promised;
    promised = number;
  }
  return promised;
}

// The promised one or the one after it, whole; nothing only before any promise.
bool head_is_whole(os::FileSystem& files, int promised) {
  const auto bytes = files.read("/head", 1 << 20);
  if (!bytes) return promised == 0;
  return equal(*bytes, record(promised)) || equal(*bytes, record(promised + 1));
}

TEST(Protocol, that_replaces_is_whole_at_every_crash) {
  const Tally tally = crash_everywhere(
      empty_disk, [](auto& files) { return replace_head(files, &os::FileSystem::replace); },
      head_is_whole);
  EXPECT_GT(tally.runs, 500U);
  EXPECT_EQ(tally.broken, 0U) << tally.first;
}

TEST(Protocol, that_promises_on_a_lazy_replacement_is_caught) {
  const Tally tally = crash_everywhere(
      empty_disk, [](auto& files) { return replace_head(files, &os::FileSystem::replace_lazily); },
      head_is_whole);
  EXPECT_GT(tally.broken, tally.runs / 10);
}

TEST(Protocol, that_puts_once_shows_all_or_nothing) {
  const Tally tally = crash_everywhere(
      empty_disk, [](auto& files) { return files.put_once("/tile", record(1)) ? 1 : 0; },
      [](os::FileSystem& files, int promised) {
        const auto bytes = files.read("/tile", 1 << 20);
        return bytes ? equal(*bytes, record(1)) : promised == 0;
      });
  EXPECT_EQ(tally.broken, 0U) << tally.first;
}

// Success on what another process had put there must mean durable too: that process may have died
// before its sync.
TEST(Protocol, that_finds_its_work_done_makes_it_durable) {
  for (uint64_t killed_at = 1; killed_at <= 8; ++killed_at) {
    const Tally tally = crash_everywhere(
        [&](Disk& disk) {
          SimFileSystem first(disk, {.crash_at = killed_at, .crash = Crash::kKill});
          (void)first.make_directories("/a/b");
          (void)first.put_once("/a/b/tile", record(1));
        },
        [](auto& files) {
          return files.make_directories("/a/b") && files.put_once("/a/b/tile", record(1)) ? 1 : 0;
        },
        [](os::FileSystem& files, int promised) {
          const auto bytes = files.read("/a/b/tile", 1 << 20);
          return bytes ? equal(*bytes, record(1)) : promised == 0;
        });
    EXPECT_EQ(tally.broken, 0U) << "killed at " << killed_at << ": " << tally.first;
  }
}

TEST(Protocol, that_finds_its_bytes_put_there_some_other_way_makes_them_durable) {
  const Tally tally = crash_everywhere(
      [](Disk& disk) {
        SimFileSystem other(disk);
        auto file = other.create_append("/tile");
        ASSERT_TRUE(file && (*file)->append({record(1)}));
      },
      [](auto& files) { return files.put_once("/tile", record(1)) ? 1 : 0; },
      [](os::FileSystem& files, int promised) {
        return promised == 0 || equal(*files.read("/tile", 1 << 20), record(1));
      });
  EXPECT_EQ(tally.broken, 0U) << tally.first;
}

// After a failed sync the caller must stop. One that tries again, and believes the second sync, is
// caught.
TEST(Protocol, that_retries_a_failed_sync_is_caught) {
  Disk disk;
  SimFileSystem files(disk, {.fail_at = 7});
  auto file = files.create_append("/log");
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->append({record(1)}));
  ASSERT_FALSE((*file)->sync()) << "step 7 is " << files.steps().back();
  ASSERT_TRUE((*file)->sync());
  disk.restart(1);
  SimFileSystem after(disk);
  EXPECT_FALSE(has_records(after, 1));
}

// A fault at any step is an error that says where, and never half a head.
TEST(Protocol, that_meets_a_fault_at_any_step_says_so) {
  for (const Code code : {Code::kIo, Code::kNoSpace}) {
    for (const bool on : {false, true}) {
      for (uint64_t k = 1;; ++k) {
        Disk disk;
        disk.put("/head", record(1));
        SimFileSystem files(disk, {.fail_at = k, .fail_code = code, .fails_from_there = on});
        const Status replaced = files.replace("/head", record(2));
        EXPECT_TRUE(equal(*files.read("/head", 1 << 20), record(1)) ||
                    equal(*files.read("/head", 1 << 20), record(2)));
        if (replaced) break;
        EXPECT_EQ(replaced.error().code, code);
        EXPECT_TRUE(replaced.error().context.starts_with("replace /head"));
        EXPECT_EQ(files.list("/"), std::vector<std::string>{"head"});
      }
    }
  }
}

}  // namespace
}  // namespace stele::sim
