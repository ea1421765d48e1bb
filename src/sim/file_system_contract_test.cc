// The contract of os::FileSystem, held against each of its implementations.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/hex.h"
#include "os/file_system.h"
#include "os/posix_file_system.h"
#include "os/random.h"
#include "sim/file_system.h"

namespace stele {
namespace {

using os::FileSystem;
using os::Protection;
using os::Wait;

// A file system with an empty directory to work in.
class World {
 public:
  virtual ~World() = default;
  virtual FileSystem& files() = 0;
  virtual std::string path(const std::string& name) = 0;
};

class PosixWorld : public World {
 public:
  PosixWorld() {
    std::array<uint8_t, 8> random;
    os::system_random(random);
    root_ = testing::TempDir() + "/stele-contract-" + to_hex(random);
    std::filesystem::create_directories(root_);
  }
  ~PosixWorld() override { std::filesystem::remove_all(root_); }
  FileSystem& files() override { return files_; }
  std::string path(const std::string& name) override { return root_ + "/" + name; }

 private:
  os::PosixFileSystem files_;
  std::string root_;
};

class SimWorld : public World {
 public:
  FileSystem& files() override { return files_; }
  std::string path(const std::string& name) override { return "/" + name; }

 private:
  sim::Disk disk_;
  sim::SimFileSystem files_{disk_};
};

template <typename T>
std::unique_ptr<World> make_world() {
  return std::make_unique<T>();
}

class FileSystemContract : public testing::TestWithParam<std::unique_ptr<World> (*)()> {
 protected:
  std::string path(const std::string& name) { return world_->path(name); }
  Code code_of(const auto& result) {
    EXPECT_FALSE(result.has_value());
    return result ? Code::kOutcomeUnknown : result.error().code;
  }
  std::string text(const std::string& name) {
    const auto bytes = files_.read(path(name), 1 << 20);
    return bytes ? std::string(as_text(*bytes)) : "(" + bytes.error().message() + ")";
  }
  // False where flags cannot be set here, for a reason the contract knows.
  bool protect(const std::string& name, Protection protection) {
    const auto done = files_.protect(path(name), protection);
    if (done) return true;
    EXPECT_TRUE(done.error().code == Code::kUnsupported || done.error().code == Code::kPermission);
    return false;
  }

  const std::unique_ptr<World> world_ = GetParam()();
  FileSystem& files_ = world_->files();
};

INSTANTIATE_TEST_SUITE_P(Posix, FileSystemContract, testing::Values(&make_world<PosixWorld>));
INSTANTIATE_TEST_SUITE_P(Sim, FileSystemContract, testing::Values(&make_world<SimWorld>));

TEST_P(FileSystemContract, reads_back_what_was_appended) {
  auto file = files_.create_append(path("log"));
  ASSERT_TRUE(file) << file.error().message();
  ASSERT_TRUE((*file)->append({as_bytes("one "), {}, as_bytes("two ")}));
  ASSERT_TRUE((*file)->append({as_bytes("three")}));
  ASSERT_TRUE((*file)->append({}));
  ASSERT_TRUE((*file)->sync());
  (*file)->drop_cache();
  EXPECT_EQ((*file)->size(), 13U);
  Bytes out(5);
  EXPECT_EQ((*file)->read_at(4, out), 5U);
  EXPECT_EQ(as_text(out), "two t");
  EXPECT_EQ(text("log"), "one two three");
}

TEST_P(FileSystemContract, reads_less_only_where_the_file_ends) {
  auto file = files_.create_append(path("log"));
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->append({as_bytes("abc")}));
  Bytes out(10);
  EXPECT_EQ((*file)->read_at(1, out), 2U);
  EXPECT_EQ((*file)->read_at(3, out), 0U);
  EXPECT_EQ((*file)->read_at(1'000'000, out), 0U);
  EXPECT_EQ((*file)->read_at(UINT64_MAX, out), 0U);
  EXPECT_EQ((*file)->read_at(0, {}), 0U);
}

TEST_P(FileSystemContract, appends_at_the_end_whoever_else_appended) {
  auto one = files_.create_append(path("log"));
  auto two = files_.open_append(path("log"));
  ASSERT_TRUE(one && two);
  ASSERT_TRUE((*one)->append({as_bytes("1")}));
  ASSERT_TRUE((*two)->append({as_bytes("2")}));
  ASSERT_TRUE((*one)->append({as_bytes("3")}));
  EXPECT_EQ(text("log"), "123");
  EXPECT_EQ((*two)->size(), 3U);
}

TEST_P(FileSystemContract, appends_any_number_of_parts_in_order) {
  auto file = files_.create_append(path("log"));
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->append(
      {as_bytes("a"), as_bytes("b"), as_bytes("c"), as_bytes("d"), as_bytes("e"), as_bytes("f"),
       as_bytes("g"), as_bytes("h"), as_bytes("i"), as_bytes("j"), as_bytes("k"), as_bytes("l"),
       as_bytes("m"), as_bytes("n"), as_bytes("o"), as_bytes("p"), as_bytes("q"), as_bytes("r"),
       as_bytes("s"), as_bytes("t"), as_bytes("u"), as_bytes("v"), as_bytes("w"), as_bytes("x"),
       as_bytes("y"), as_bytes("z"), as_bytes("0"), as_bytes("1"), as_bytes("2"), as_bytes("3"),
       as_bytes("4"), as_bytes("5"), as_bytes("6"), as_bytes("7"), as_bytes("8"), as_bytes("9")}));
  EXPECT_EQ(text("log"), "abcdefghijklmnopqrstuvwxyz0123456789");
}

TEST_P(FileSystemContract, keeps_each_append_whole_when_two_threads_append) {
  ASSERT_TRUE(files_.create_append(path("log")));
  const auto append = [&](std::string_view head, std::string_view tail) {
    auto file = files_.open_append(path("log"));
    for (int i = 0; i < 200; ++i) ASSERT_TRUE((*file)->append({as_bytes(head), as_bytes(tail)}));
  };
  std::thread other(append, "<a", "a>");
  append("[b", "b]");
  other.join();
  const std::string all = text("log");
  ASSERT_EQ(all.size(), 1600U);
  for (size_t i = 0; i < all.size(); i += 4) {
    EXPECT_TRUE(all.substr(i, 4) == "<aa>" || all.substr(i, 4) == "[bb]");
  }
}

TEST_P(FileSystemContract, creates_a_file_once) {
  ASSERT_TRUE(files_.create_append(path("log")));
  EXPECT_EQ(code_of(files_.create_append(path("log"))), Code::kExists);
  EXPECT_EQ(text("log"), "");
}

TEST_P(FileSystemContract, says_what_is_not_there) {
  EXPECT_EQ(code_of(files_.open_read(path("no"))), Code::kNotFound);
  EXPECT_EQ(code_of(files_.open_append(path("no"))), Code::kNotFound);
  EXPECT_EQ(code_of(files_.read(path("no"), 10)), Code::kNotFound);
  EXPECT_EQ(code_of(files_.list(path("no"))), Code::kNotFound);
  EXPECT_EQ(code_of(files_.protection(path("no"))), Code::kNotFound);
  EXPECT_EQ(code_of(files_.verity(path("no"))), Code::kNotFound);
  EXPECT_EQ(code_of(files_.create_append(path("no/log"))), Code::kNotFound);
  EXPECT_EQ(code_of(files_.put_once(path("no/file"), {})), Code::kNotFound);
  EXPECT_EQ(code_of(files_.replace(path("no/file"), {})), Code::kNotFound);
  EXPECT_EQ(code_of(files_.lock(path("no/lock"), Wait::kNo)), Code::kNotFound);
  EXPECT_EQ(code_of(files_.share(path("no/words"))), Code::kNotFound);
  EXPECT_FALSE(files_.exists(path("no")));
}

TEST_P(FileSystemContract, names_the_verb_and_the_path_in_its_errors) {
  const std::string at = path("no/file");
  EXPECT_EQ(files_.open_read(at).error().context, "open " + at);
  EXPECT_EQ(files_.create_append(at).error().context, "create " + at);
  EXPECT_EQ(files_.read(at, 1).error().context, "read " + at);
  EXPECT_EQ(files_.put_once(at, {}).error().context, "put " + at);
  EXPECT_EQ(files_.replace(at, {}).error().context, "replace " + at);
  EXPECT_EQ(files_.lock(at, Wait::kNo).error().context, "lock " + at);
  EXPECT_EQ(files_.list(at).error().message(), "list " + at + ": No such file or directory");
}

TEST_P(FileSystemContract, takes_no_directory_for_a_file) {
  ASSERT_TRUE(files_.make_directories(path("dir")));
  EXPECT_EQ(code_of(files_.open_read(path("dir"))), Code::kInvalid);
  EXPECT_EQ(code_of(files_.open_append(path("dir"))), Code::kInvalid);
  EXPECT_EQ(code_of(files_.read(path("dir"), 10)), Code::kInvalid);
  EXPECT_EQ(code_of(files_.put_once(path("dir"), {})), Code::kInvalid);
  EXPECT_EQ(code_of(files_.replace(path("dir"), {})), Code::kInvalid);
  EXPECT_EQ(code_of(files_.remove(path("dir"))), Code::kInvalid);
  EXPECT_EQ(code_of(files_.lock(path("dir"), Wait::kNo)), Code::kInvalid);
  EXPECT_EQ(code_of(files_.share(path("dir"))), Code::kInvalid);
  EXPECT_EQ(code_of(files_.create_append(path("dir"))), Code::kExists);
  EXPECT_EQ(files_.list(path("")), std::vector<std::string>{"dir"});
}

TEST_P(FileSystemContract, takes_no_file_for_a_directory) {
  ASSERT_TRUE(files_.put_once(path("file"), {}));
  EXPECT_EQ(code_of(files_.list(path("file"))), Code::kInvalid);
  EXPECT_EQ(code_of(files_.make_directories(path("file"))), Code::kInvalid);
  EXPECT_EQ(code_of(files_.make_directories(path("file/below"))), Code::kInvalid);
  EXPECT_EQ(code_of(files_.put_once(path("file/below"), {})), Code::kInvalid);
  EXPECT_EQ(code_of(files_.remove(path("file/below"))), Code::kInvalid);
  EXPECT_FALSE(files_.exists(path("file/below")));
}

TEST_P(FileSystemContract, does_not_append_to_what_was_opened_for_reading) {
  ASSERT_TRUE(files_.put_once(path("file"), as_bytes("x")));
  auto file = files_.open_read(path("file"));
  ASSERT_TRUE(file);
  EXPECT_EQ(code_of((*file)->append({as_bytes("y")})), Code::kIo);
  EXPECT_EQ(text("file"), "x");
}

TEST_P(FileSystemContract, reads_whole_files_up_to_a_limit) {
  ASSERT_TRUE(files_.put_once(path("five"), as_bytes("12345")));
  ASSERT_TRUE(files_.put_once(path("none"), {}));
  EXPECT_EQ(as_text(*files_.read(path("five"), 5)), "12345");
  EXPECT_EQ(as_text(*files_.read(path("five"), SIZE_MAX)), "12345");
  EXPECT_EQ(code_of(files_.read(path("five"), 4)), Code::kLimit);
  EXPECT_EQ(code_of(files_.read(path("five"), 0)), Code::kLimit);
  EXPECT_TRUE(files_.read(path("none"), 0)->empty());
}

TEST_P(FileSystemContract, puts_once) {
  ASSERT_TRUE(files_.put_once(path("tile"), as_bytes("bytes")));
  EXPECT_TRUE(files_.put_once(path("tile"), as_bytes("bytes")));
  for (const char* other : {"bytez", "byte", "bytes and more", ""}) {
    EXPECT_EQ(code_of(files_.put_once(path("tile"), as_bytes(other))), Code::kExists) << other;
  }
  EXPECT_EQ(text("tile"), "bytes");
  EXPECT_EQ(files_.list(path("")), std::vector<std::string>{"tile"});
}

TEST_P(FileSystemContract, lets_one_of_two_threads_put) {
  for (int round = 0; round < 8; ++round) {
    const std::string name = path("tile-" + std::to_string(round));
    Status one, two;
    std::thread other([&] { one = files_.put_once(name, as_bytes("one")); });
    two = files_.put_once(name, as_bytes("two"));
    other.join();
    EXPECT_NE(one.has_value(), two.has_value());
    EXPECT_EQ(code_of(one ? two : one), Code::kExists);
    EXPECT_EQ(as_text(*files_.read(name, 10)), one ? "one" : "two");
  }
}

TEST_P(FileSystemContract, replaces_at_once_and_leaves_open_files_their_bytes) {
  for (const auto replace : {&FileSystem::replace, &FileSystem::replace_lazily}) {
    ASSERT_TRUE((files_.*replace)(path("head"), as_bytes("old")));
    auto before = files_.open_read(path("head"));
    ASSERT_TRUE(before);
    ASSERT_TRUE((files_.*replace)(path("head"), as_bytes("newer")));
    Bytes out(5);
    EXPECT_EQ((*before)->read_at(0, out), 3U);
    EXPECT_EQ(text("head"), "newer");
    EXPECT_EQ(files_.list(path("")), std::vector<std::string>{"head"});
  }
}

TEST_P(FileSystemContract, never_shows_a_reader_half_a_replacement) {
  const std::string a(5000, 'a'), b(9000, 'b');
  ASSERT_TRUE(files_.replace(path("head"), as_bytes(a)));
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(files_.replace_lazily(path("head"), as_bytes(i % 2 == 0 ? b : a)));
    }
    done = true;
  });
  while (!done) {
    const std::string seen = text("head");
    EXPECT_TRUE(seen == a || seen == b) << seen.size();
  }
  writer.join();
}

TEST_P(FileSystemContract, removes_what_is_there_and_what_is_not) {
  ASSERT_TRUE(files_.put_once(path("file"), as_bytes("x")));
  EXPECT_TRUE(files_.remove(path("file")));
  EXPECT_FALSE(files_.exists(path("file")));
  EXPECT_TRUE(files_.remove(path("file")));
  EXPECT_TRUE(files_.remove(path("no/file")));
  EXPECT_TRUE(files_.put_once(path("file"), as_bytes("y")));
}

TEST_P(FileSystemContract, makes_directories_and_those_above) {
  EXPECT_TRUE(files_.make_directories(path("a/b/c")));
  EXPECT_TRUE(files_.make_directories(path("a/b/c")));
  EXPECT_TRUE(files_.make_directories(path("a/b/d/")));
  EXPECT_TRUE(files_.make_directories("/"));
  EXPECT_EQ(files_.list(path("a/b")), (std::vector<std::string>{"c", "d"}));
  EXPECT_TRUE(files_.exists(path("a/b/c")));
  EXPECT_TRUE(files_.put_once(path("a/b/c/file"), {}));
}

TEST_P(FileSystemContract, lists_names_in_order_without_what_a_crash_may_have_left) {
  for (const char* name : {"b", "a", "B", "10", "9"}) ASSERT_TRUE(files_.put_once(path(name), {}));
  ASSERT_TRUE(files_.create_append(path("b.17" + std::string(os::kTemporarySuffix))));
  EXPECT_EQ(files_.list(path("")), (std::vector<std::string>{"10", "9", "B", "a", "b"}));
}

TEST_P(FileSystemContract, names_no_file_with_a_slash_at_the_end) {
  EXPECT_EQ(code_of(files_.put_once(path("x/"), {})), Code::kInvalid);
  EXPECT_EQ(code_of(files_.create_append(path("x/"))), Code::kInvalid);
  EXPECT_EQ(code_of(files_.replace(path("x/"), {})), Code::kInvalid);
}

TEST_P(FileSystemContract, locks_out_everybody_else) {
  auto lock = files_.lock(path("lock"), Wait::kNo);
  ASSERT_TRUE(lock);
  EXPECT_EQ(code_of(files_.lock(path("lock"), Wait::kNo)), Code::kBusy);
  EXPECT_TRUE(files_.lock(path("other"), Wait::kNo));
  lock->reset();
  EXPECT_TRUE(files_.lock(path("lock"), Wait::kNo));
  EXPECT_TRUE(files_.lock(path("lock"), Wait::kYes));
}

TEST_P(FileSystemContract, waits_for_a_lock) {
  auto lock = files_.lock(path("lock"), Wait::kYes);
  ASSERT_TRUE(lock);
  std::atomic<bool> released = false, asked = false;
  std::thread waiter([&] {
    asked = true;
    EXPECT_TRUE(files_.lock(path("lock"), Wait::kYes));
    EXPECT_TRUE(released);
  });
  while (!asked) std::this_thread::yield();
  released = true;
  lock->reset();
  waiter.join();
}

TEST_P(FileSystemContract, shares_words) {
  auto one = files_.share(path("words"));
  ASSERT_TRUE(one);
  for (size_t i = 0; i < os::SharedWords::kCount; ++i) EXPECT_EQ((*one)->load(i), 0U);
  (*one)->store(0, 7);
  (*one)->store(7, UINT64_MAX);
  auto two = files_.share(path("words"));
  ASSERT_TRUE(two);
  EXPECT_EQ((*two)->load(0), 7U);
  EXPECT_EQ((*two)->load(7), UINT64_MAX);
  (*two)->store(1, 8);
  EXPECT_EQ((*one)->load(1), 8U);
  one->reset();
  two->reset();
  EXPECT_EQ((*files_.share(path("words")))->load(1), 8U);
}

TEST_P(FileSystemContract, carries_words_from_thread_to_thread) {
  auto words = files_.share(path("words"));
  ASSERT_TRUE(words);
  std::thread other([&] {
    (*words)->store(0, 42);
    (*words)->store(1, 1);
  });
  while ((*words)->load(1) == 0) std::this_thread::yield();
  EXPECT_EQ((*words)->load(0), 42U);
  other.join();
}

TEST_P(FileSystemContract, lets_an_append_only_file_only_grow) {
  auto file = files_.create_append(path("volume"));
  ASSERT_TRUE(file);
  if (!protect("volume", Protection::kAppendOnly)) return;
  EXPECT_EQ(files_.protection(path("volume")), Protection::kAppendOnly);
  EXPECT_EQ(files_.verity(path("volume")), std::nullopt);
  EXPECT_TRUE((*file)->append({as_bytes("one ")}));
  auto again = files_.open_append(path("volume"));
  ASSERT_TRUE(again);
  EXPECT_TRUE((*again)->append({as_bytes("two")}));
  EXPECT_TRUE((*again)->sync());
  EXPECT_EQ(code_of(files_.remove(path("volume"))), Code::kPermission);
  EXPECT_EQ(code_of(files_.replace(path("volume"), {})), Code::kPermission);
  EXPECT_EQ(code_of(files_.share(path("volume"))), Code::kPermission);
  EXPECT_EQ(text("volume"), "one two");
  EXPECT_EQ(files_.list(path("")), std::vector<std::string>{"volume"});
  ASSERT_TRUE(protect("volume", Protection::kNone));
  EXPECT_EQ(files_.protection(path("volume")), Protection::kNone);
  EXPECT_TRUE(files_.remove(path("volume")));
}

TEST_P(FileSystemContract, lets_an_immutable_file_be) {
  ASSERT_TRUE(files_.put_once(path("volume"), as_bytes("all")));
  if (!protect("volume", Protection::kImmutable)) return;
  EXPECT_EQ(files_.protection(path("volume")), Protection::kImmutable);
  EXPECT_EQ(code_of(files_.open_append(path("volume"))), Code::kPermission);
  EXPECT_EQ(code_of(files_.remove(path("volume"))), Code::kPermission);
  EXPECT_EQ(code_of(files_.replace_lazily(path("volume"), {})), Code::kPermission);
  EXPECT_TRUE(files_.put_once(path("volume"), as_bytes("all")));
  EXPECT_EQ(text("volume"), "all");
  ASSERT_TRUE(protect("volume", Protection::kAppendOnly));
  EXPECT_EQ(files_.protection(path("volume")), Protection::kAppendOnly);
  ASSERT_TRUE(protect("volume", Protection::kNone));
}

TEST_P(FileSystemContract, puts_into_an_append_only_directory_and_lets_nothing_go) {
  ASSERT_TRUE(files_.make_directories(path("vault")));
  ASSERT_TRUE(files_.put_once(path("vault/before"), as_bytes("b")));
  if (!protect("vault", Protection::kAppendOnly)) return;
  EXPECT_TRUE(files_.put_once(path("vault/tile"), as_bytes("t")));
  EXPECT_TRUE(files_.put_once(path("vault/tile"), as_bytes("t")));
  EXPECT_EQ(code_of(files_.put_once(path("vault/tile"), as_bytes("u"))), Code::kExists);
  EXPECT_TRUE(files_.create_append(path("vault/volume")));
  EXPECT_TRUE(files_.make_directories(path("vault/more")));
  EXPECT_EQ(code_of(files_.remove(path("vault/before"))), Code::kPermission);
  EXPECT_EQ(code_of(files_.replace(path("vault/before"), {})), Code::kPermission);
  EXPECT_EQ(files_.list(path("vault")),
            (std::vector<std::string>{"before", "more", "tile", "volume"}));
  ASSERT_TRUE(protect("vault", Protection::kImmutable));
  EXPECT_EQ(code_of(files_.put_once(path("vault/new"), {})), Code::kPermission);
  ASSERT_TRUE(protect("vault", Protection::kNone));
  EXPECT_TRUE(files_.remove(path("vault/before")));
}

}  // namespace
}  // namespace stele
