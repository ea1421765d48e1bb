// What the simulated disk loses, and what it never does. First its single mechanisms, then whole
// protocols, right and wrong ones: a simulator that lets a wrong one pass is worth nothing.
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "sim/disk.h"
#include "sim/file_system.h"

namespace stele::sim {
namespace {

using Crash = Plan::Crash;

constexpr uint64_t kSeeds = 60;

std::string text(os::FileSystem& files, const std::string& path) {
  const auto bytes = files.read(path, 1 << 20);
  if (bytes) return std::string(as_text(*bytes));
  return bytes.error().code == Code::kNotFound ? "(none)" : "(" + bytes.error().message() + ")";
}

std::unique_ptr<os::File> create(SimFileSystem& files, const std::string& path) {
  auto file = files.create_append(path);
  EXPECT_TRUE(file.has_value());
  return std::move(*file);
}

// What is at `path` after a power cut, over many seeds.
std::set<std::string> outcomes(const std::string& path,
                               const std::function<void(SimFileSystem&)>& story) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 4 * kSeeds; ++seed) {
    Disk disk;
    SimFileSystem before(disk);
    story(before);
    disk.restart(seed);
    SimFileSystem after(disk);
    seen.insert(text(after, path));
  }
  return seen;
}

TEST(PowerCut, keeps_what_was_synced_and_any_of_the_rest) {
  const std::string synced(700, 's'), rest(2000, 'r');
  bool none = false, all = false, prefix = false, hole = false, torn = false, grown = false;
  for (const std::string& left : outcomes("/log", [&](SimFileSystem& files) {
         const auto file = create(files, "/log");
         ASSERT_TRUE(file->append({as_bytes(synced)}));
         ASSERT_TRUE(file->sync());
         ASSERT_TRUE(file->append({as_bytes(rest)}));
       })) {
    ASSERT_GE(left.size(), synced.size());
    ASSERT_LE(left.size(), synced.size() + rest.size());
    ASSERT_TRUE(left.starts_with(synced));
    const std::string tail = left.substr(synced.size());
    ASSERT_EQ(tail.find_first_not_of(std::string("r\0", 2)), std::string::npos);
    const size_t zero = tail.find('\0');
    none |= tail.empty();
    all |= tail == rest;
    prefix |= !tail.empty() && tail.size() < rest.size() && zero == std::string::npos;
    hole |= zero != std::string::npos && tail.find('r', zero) != std::string::npos;
    torn |= zero != std::string::npos && (synced.size() + zero) % kSectorBytes != 0;
    grown |= tail == std::string(rest.size(), '\0');
  }
  EXPECT_TRUE(none && all && prefix && hole && torn && grown)
      << none << all << prefix << hole << torn << grown;
}

TEST(PowerCut, is_the_same_for_the_same_seed_and_not_for_others) {
  const auto left = [](uint64_t seed) {
    Disk disk;
    SimFileSystem files(disk);
    EXPECT_TRUE(create(files, "/log")->append({Bytes(10'000, 7)}));
    EXPECT_TRUE(files.replace_lazily("/head", as_bytes("head")));
    disk.restart(seed);
    return disk.snapshot();
  };
  std::set<size_t> sizes;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    EXPECT_EQ(left(seed), left(seed));
    sizes.insert(left(seed)["/log"].bytes.size());
  }
  EXPECT_GT(sizes.size(), 10U);
}

TEST(PowerCut, leaves_a_durable_disk_alone) {
  Disk disk;
  SimFileSystem files(disk);
  ASSERT_TRUE(files.make_directories("/a/b"));
  ASSERT_TRUE(files.put_once("/a/b/tile", as_bytes("tile")));
  ASSERT_TRUE(files.replace("/a/head", as_bytes("head")));
  const Image before = disk.snapshot();
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    disk.restart(seed);
    ASSERT_EQ(disk.snapshot(), before);
  }
}

TEST(PowerCut, may_undo_a_removal_nobody_synced) {
  EXPECT_EQ(outcomes("/file",
                     [](SimFileSystem& files) {
                       ASSERT_TRUE(files.put_once("/file", as_bytes("back")));
                       ASSERT_TRUE(files.remove("/file"));
                     }),
            (std::set<std::string>{"(none)", "back"}));
}

TEST(PowerCut, shows_a_lazy_replacement_old_new_or_torn_but_never_without_the_old) {
  const auto seen = outcomes("/head", [](SimFileSystem& files) {
    ASSERT_TRUE(files.replace("/head", as_bytes("old")));
    ASSERT_TRUE(files.replace_lazily("/head", as_bytes("new")));
  });
  EXPECT_TRUE(seen.contains("old") && seen.contains("new") && seen.contains(""));
  EXPECT_TRUE(seen.contains(std::string(3, '\0')));
  EXPECT_FALSE(seen.contains("(none)"));
  EXPECT_TRUE(outcomes("/head", [](SimFileSystem& files) {
                ASSERT_TRUE(files.replace_lazily("/head", as_bytes("first")));
              }).contains("(none)"));
}

TEST(PowerCut, by_the_plan_of_one_process_stops_all_until_the_restart) {
  Disk disk;
  SimFileSystem one(disk, {.crash_at = 2}), two(disk);
  EXPECT_EQ(one.create_append("/log").error().context, "crashed");
  EXPECT_EQ(one.steps(), (std::vector<std::string>{"create /log", "create /log: sync directory"}));
  EXPECT_FALSE(disk.is_powered());
  EXPECT_EQ(two.list("/").error().context, "crashed");
  EXPECT_EQ(SimFileSystem(disk).list("/").error().context, "crashed");
  disk.restart(1);
  EXPECT_TRUE(SimFileSystem(disk).list("/"));
  EXPECT_FALSE(two.list("/"));
}

TEST(PowerCut, frees_locks_zeroes_words_and_ends_every_process) {
  Disk disk;
  disk.put("/lock", {});
  disk.put("/words", {});
  SimFileSystem one(disk), two(disk);
  auto lock = one.lock("/lock", os::Wait::kNo);
  auto words = two.share("/words");
  ASSERT_TRUE(lock && words);
  (*words)->store(3, 33);
  disk.cut_power();
  EXPECT_FALSE(disk.is_powered() || one.is_alive() || two.is_alive());
  disk.restart(1);
  EXPECT_TRUE(disk.is_powered());
  EXPECT_FALSE(one.is_alive() || two.is_alive());
  SimFileSystem three(disk);
  EXPECT_TRUE(three.lock("/lock", os::Wait::kNo));
  EXPECT_EQ((*three.share("/words"))->load(3), 0U);
}

TEST(Kill, keeps_all_that_was_written_and_frees_the_locks_of_that_process_only) {
  Disk disk;
  SimFileSystem one(disk), two(disk);
  auto mine = one.lock("/one", os::Wait::kNo);
  auto theirs = two.lock("/two", os::Wait::kNo);
  auto words = one.share("/words");
  ASSERT_TRUE(mine && theirs && words);
  (*words)->store(0, 5);
  const auto file = create(one, "/log");
  ASSERT_TRUE(file->append({as_bytes("not synced")}));
  one.kill();
  EXPECT_EQ(text(two, "/log"), "not synced");
  EXPECT_EQ((*two.share("/words"))->load(0), 5U);
  SimFileSystem three(disk);
  auto taken = three.lock("/one", os::Wait::kNo);
  EXPECT_TRUE(taken);
  EXPECT_EQ(three.lock("/two", os::Wait::kNo).error().code, Code::kBusy);
  mine->reset();  // the dead process's handle goes; the lock is another's by now
  EXPECT_EQ(two.lock("/one", os::Wait::kNo).error().code, Code::kBusy);
}

TEST(Kill, leaves_nothing_that_the_dead_process_can_still_do) {
  Disk disk;
  SimFileSystem files(disk);
  const auto file = create(files, "/log");
  auto words = files.share("/words");
  ASSERT_TRUE(words);
  files.kill();
  const Image before = disk.snapshot();
  const auto is_dead = [](const auto& result) {
    return !result && result.error().code == Code::kIo && result.error().context == "crashed";
  };
  Bytes out(1);
  EXPECT_TRUE(is_dead(file->append({as_bytes("x")})) && is_dead(file->sync()));
  EXPECT_TRUE(is_dead(file->size()) && is_dead(file->read_at(0, out)));
  EXPECT_TRUE(is_dead(files.open_read("/log")) && is_dead(files.open_append("/log")));
  EXPECT_TRUE(is_dead(files.create_append("/new")) && is_dead(files.read("/log", 9)));
  EXPECT_TRUE(is_dead(files.put_once("/new", {})) && is_dead(files.replace("/log", {})));
  EXPECT_TRUE(is_dead(files.replace_lazily("/log", {})) && is_dead(files.remove("/log")));
  EXPECT_TRUE(is_dead(files.make_directories("/d")) && is_dead(files.list("/")));
  EXPECT_TRUE(is_dead(files.lock("/l", os::Wait::kNo)) && is_dead(files.share("/w")));
  EXPECT_TRUE(is_dead(files.protect("/log", os::Protection::kImmutable)));
  EXPECT_TRUE(is_dead(files.protection("/log")));
  EXPECT_FALSE(files.exists("/log"));
  (*words)->store(0, 1);
  SimFileSystem next(disk);
  EXPECT_EQ((*next.share("/words"))->load(0), 0U);
  EXPECT_EQ(disk.snapshot(), before);
}

TEST(Kill, falls_inside_an_append) {
  std::set<std::string> left;
  for (uint64_t k = 1;; ++k) {
    Disk disk;
    disk.put("/log", as_bytes("0"));
    SimFileSystem files(disk, {.crash_at = k, .crash = Crash::kKill});
    const auto file = files.open_append("/log");
    const bool done = (*file)->append({as_bytes("1234"), as_bytes("5678")}).has_value();
    EXPECT_EQ(files.is_alive(), done);
    SimFileSystem next(disk);
    left.insert(text(next, "/log"));
    if (done) break;
  }
  EXPECT_EQ(left, (std::set<std::string>{"0", "01", "01234", "01234567", "012345678"}));
}

TEST(Fault, fails_one_step_or_all_from_there) {
  for (const bool on : {false, true}) {
    Disk disk;
    disk.put("/log", {});
    SimFileSystem files(disk, {.fail_at = 2, .fails_from_there = on});
    const auto file = files.open_append("/log");
    ASSERT_TRUE((*file)->append({as_bytes("a")}));
    const Status failed = (*file)->append({as_bytes("b")});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().message(), "append /log: Input/output error");
    EXPECT_EQ((*file)->append({as_bytes("c")}).has_value(), !on);
    EXPECT_EQ(text(files, "/log"), on ? "a" : "ac");
  }
}

TEST(Fault, leaves_a_prefix_when_the_disk_fills_up_and_lets_room_be_made) {
  Disk disk;
  disk.put("/log", {});
  SimFileSystem files(disk, {.fail_at = 3, .fail_code = Code::kNoSpace, .fails_from_there = true});
  const auto file = files.open_append("/log");
  const Status failed = (*file)->append({as_bytes("123456")});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kNoSpace);
  EXPECT_EQ(text(files, "/log"), "123");
  EXPECT_EQ(files.put_once("/x", as_bytes("x")).error().code, Code::kNoSpace);
  EXPECT_EQ(files.make_directories("/d").error().code, Code::kNoSpace);
  EXPECT_TRUE((*file)->sync());
  EXPECT_TRUE(files.remove("/log"));
}

TEST(Fault, makes_a_failed_sync_look_mended_by_the_next) {
  Disk disk;
  SimFileSystem files(disk);
  const auto file = create(files, "/log");
  ASSERT_TRUE(file->append({Bytes(600, 'a')}));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(file->append({Bytes(600, 'b')}));
  files.set_plan({.fail_at = files.steps().size() + 1});
  EXPECT_EQ(file->sync().error().code, Code::kIo);
  EXPECT_TRUE(file->sync());
  const std::string whole = std::string(600, 'a') + std::string(600, 'b');
  EXPECT_EQ(text(files, "/log"), whole);  // from the cache
  ASSERT_TRUE(file->append({Bytes(1, 'c')}));
  ASSERT_TRUE(file->sync());  // and with it the sector that "c" shares
  std::string on_disk = whole + "c";
  std::fill(on_disk.begin() + 600, on_disk.begin() + 1024, '\0');
  EXPECT_EQ(as_text(*disk.durable("/log")), on_disk);
  file->drop_cache();
  EXPECT_EQ(text(files, "/log"), on_disk);
  disk.restart(1);
  SimFileSystem next(disk);
  EXPECT_EQ(text(next, "/log"), on_disk);
}

TEST(Fault, loses_a_name_for_good_when_its_directorys_sync_failed) {
  Disk disk;
  SimFileSystem files(disk, {.fail_at = 2});
  EXPECT_EQ(files.create_append("/one").error().message(),
            "create /one: sync directory: Input/output error");
  ASSERT_TRUE(files.create_append("/two"));
  EXPECT_TRUE(files.exists("/one"));
  disk.restart(1);
  SimFileSystem next(disk);
  EXPECT_EQ(next.list("/"), std::vector<std::string>{"two"});
}

TEST(Flags, are_durable_when_set_and_may_be_unsupported) {
  Disk disk;
  SimFileSystem files(disk);
  ASSERT_TRUE(files.put_once("/volume", as_bytes("v")));
  disk.support_flags(false);
  EXPECT_EQ(files.protect("/volume", os::Protection::kAppendOnly).error().code, Code::kUnsupported);
  EXPECT_EQ(files.protection("/volume").error().code, Code::kUnsupported);
  disk.support_flags(true);
  ASSERT_TRUE(files.protect("/volume", os::Protection::kAppendOnly));
  const auto open = files.open_append("/volume");
  ASSERT_TRUE(files.protect("/volume", os::Protection::kImmutable));
  EXPECT_EQ((*open)->append({as_bytes("x")}).error().code, Code::kPermission);
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    disk.restart(seed);
    EXPECT_EQ(SimFileSystem(disk).protection("/volume"), os::Protection::kImmutable);
  }
}

TEST(Disk, can_be_copied_compared_and_put_back) {
  Disk disk;
  SimFileSystem files(disk);
  ASSERT_TRUE(files.make_directories("/a/empty"));
  ASSERT_TRUE(files.put_once("/a/tile", as_bytes("tile")));
  ASSERT_TRUE(files.protect("/a/tile", os::Protection::kImmutable));
  const Image then = disk.snapshot();
  ASSERT_TRUE(files.put_once("/later", as_bytes("x")));
  EXPECT_NE(disk.snapshot(), then);
  disk.restore(then);
  EXPECT_EQ(disk.snapshot(), then);
  EXPECT_FALSE(files.is_alive());
  disk.restart(1);
  EXPECT_EQ(disk.snapshot(), then);
  Disk copy;
  copy.restore(then);
  EXPECT_EQ(SimFileSystem(copy).protection("/a/tile"), os::Protection::kImmutable);
}

TEST(Disk, can_be_tampered_with_whatever_the_flags_say) {
  Disk disk;
  SimFileSystem files(disk);
  ASSERT_TRUE(files.put_once("/volume", as_bytes("honest")));
  ASSERT_TRUE(files.protect("/volume", os::Protection::kImmutable));
  ASSERT_TRUE(disk.tamper("/volume", [](Bytes& bytes) { bytes[0] ^= 1; }));
  EXPECT_EQ(text(files, "/volume"), "ionest");
  EXPECT_EQ(as_text(*disk.durable("/volume")), "ionest");
  ASSERT_TRUE(disk.tamper("/volume", [](Bytes& bytes) { bytes.resize(2); }));
  EXPECT_EQ(text(files, "/volume"), "io");
  disk.put("/new/volume", as_bytes("forged"));
  EXPECT_EQ(text(files, "/new/volume"), "forged");
  ASSERT_TRUE(disk.erase("/volume"));
  EXPECT_FALSE(files.exists("/volume"));
  EXPECT_EQ(disk.erase("/volume").error().code, Code::kNotFound);
  EXPECT_EQ(disk.tamper("/new", [](Bytes&) {}).error().code, Code::kNotFound);
}

TEST(Disk, tells_what_is_durable) {
  Disk disk;
  SimFileSystem files(disk);
  const auto file = create(files, "/log");
  ASSERT_TRUE(file->append({as_bytes("one")}));
  EXPECT_TRUE(disk.durable("/log")->empty());
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(as_text(*disk.durable("/log")), "one");
  ASSERT_TRUE(files.replace_lazily("/head", as_bytes("head")));
  EXPECT_EQ(disk.durable("/head").error().code, Code::kNotFound);
}

TEST(Lock, that_its_own_thread_would_wait_for_is_busy) {
  Disk disk;
  SimFileSystem one(disk), two(disk);
  auto lock = one.lock("/lock", os::Wait::kYes);
  ASSERT_TRUE(lock);
  EXPECT_EQ(two.lock("/lock", os::Wait::kYes).error().code, Code::kBusy);
}

TEST(Lock, wakes_who_waits_when_the_holder_is_killed_or_the_power_goes) {
  for (const bool power : {false, true}) {
    Disk disk;
    SimFileSystem holder(disk), waiter(disk);
    auto lock = holder.lock("/lock", os::Wait::kYes);
    std::thread thread(
        [&] { EXPECT_EQ(waiter.lock("/lock", os::Wait::kYes).has_value(), !power); });
    power ? disk.cut_power() : holder.kill();
    thread.join();
  }
}

}  // namespace
}  // namespace stele::sim
