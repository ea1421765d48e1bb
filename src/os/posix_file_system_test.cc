// What is Linux's own about PosixFileSystem. The contract itself: sim/file_system_contract_test.cc.
#include "os/posix_file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "base/hex.h"
#include "os/directory.h"
#include "os/error.h"
#include "os/posix_file.h"
#include "os/random.h"

namespace stele::os {
namespace {

class Posix : public testing::Test {
 protected:
  Posix() {
    std::array<uint8_t, 8> random;
    system_random(random);
    root_ = testing::TempDir() + "/stele-os-" + to_hex(random);
    std::filesystem::create_directories(root_);
  }
  ~Posix() override { std::filesystem::remove_all(root_); }

  std::string path(const std::string& name) { return root_ + "/" + name; }
  std::string text(const std::string& name) {
    const auto bytes = files_.read(path(name), 1 << 20);
    return bytes ? std::string(as_text(*bytes)) : "(" + bytes.error().message() + ")";
  }
  mode_t mode(const std::string& name) {
    struct stat facts{};
    EXPECT_EQ(::stat(path(name).c_str(), &facts), 0);
    return facts.st_mode & 07777;
  }
  // Everything in the directory, whatever list() hides.
  size_t count_names() {
    const std::filesystem::directory_iterator begin(root_), end;
    return static_cast<size_t>(std::distance(begin, end));
  }
  static size_t count_descriptors() {
    const std::filesystem::directory_iterator begin("/proc/self/fd"), end;
    return static_cast<size_t>(std::distance(begin, end));
  }

  PosixFileSystem files_;
  std::string root_;
};

TEST_F(Posix, keeps_everything_it_makes_from_other_people) {
  const mode_t umask_before = ::umask(0);
  ASSERT_TRUE(files_.create_append(path("created")));
  ASSERT_TRUE(files_.put_once(path("put"), as_bytes("x")));
  ASSERT_TRUE(files_.replace(path("replaced"), as_bytes("x")));
  ASSERT_TRUE(files_.lock(path("lock"), Wait::kNo));
  ASSERT_TRUE(files_.share(path("words")));
  ASSERT_TRUE(files_.make_directories(path("a/b")));
  ::umask(umask_before);
  for (const char* name : {"created", "put", "replaced", "lock", "words"})
    EXPECT_EQ(mode(name), 0600U) << name;
  EXPECT_EQ(mode("a"), 0700U);
  EXPECT_EQ(mode("a/b"), 0700U);
}

TEST_F(Posix, writes_through_no_symbolic_link) {
  ASSERT_TRUE(files_.put_once(path("target"), as_bytes("safe")));
  std::filesystem::create_symlink(path("target"), path("link"));
  EXPECT_EQ(files_.open_append(path("link")).error().code, Code::kInvalid);
  EXPECT_EQ(files_.create_append(path("link")).error().code, Code::kExists);
  EXPECT_EQ(files_.put_once(path("link"), as_bytes("safe")).error().code, Code::kInvalid);
  EXPECT_EQ(files_.lock(path("link"), Wait::kNo).error().code, Code::kInvalid);
  EXPECT_EQ(files_.share(path("link")).error().code, Code::kInvalid);
  EXPECT_EQ(files_.protect(path("link"), Protection::kNone).error().code, Code::kInvalid);
  EXPECT_EQ(text("link"), "safe");
  ASSERT_TRUE(files_.replace(path("link"), as_bytes("new")));  // takes the link's place
  EXPECT_EQ(text("link"), "new");
  EXPECT_EQ(text("target"), "safe");
}

TEST_F(Posix, is_not_stopped_by_a_pipe) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(files_.read(path("pipe"), 10).error().code, Code::kInvalid);
  EXPECT_EQ(files_.open_read(path("pipe")).error().code, Code::kInvalid);
  EXPECT_EQ(files_.open_append(path("pipe")).error().code, Code::kInvalid);
  EXPECT_EQ(files_.put_once(path("pipe"), {}).error().code, Code::kInvalid);
  EXPECT_EQ(files_.read("/dev/zero", 10).error().message(), "read /dev/zero: not a regular file");
}

TEST_F(Posix, reads_files_whose_size_is_a_lie) {
  const auto status = files_.read("/proc/self/status", 1 << 20);
  ASSERT_TRUE(status);
  EXPECT_TRUE(as_text(*status).starts_with("Name:"));
  EXPECT_NE(as_text(*status).find("\nThreads:"), std::string_view::npos);
  EXPECT_EQ(files_.read("/proc/self/status", status->size() / 2).error().code, Code::kLimit);
}

TEST_F(Posix, reports_an_append_cut_short_and_keeps_its_prefix) {
  auto file = files_.create_append(path("log"));
  ASSERT_TRUE(file);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto on_limit = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit low{.rlim_cur = 10, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &low), 0);
  const Status appended = (*file)->append({as_bytes("12345"), as_bytes("67890"), as_bytes("abc")});
  const Status put = files_.put_once(path("tile"), as_bytes("more than ten bytes"));
  const Status replaced = files_.replace(path("head"), as_bytes("more than ten bytes"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, on_limit);
  ASSERT_FALSE(appended || put || replaced);
  EXPECT_EQ(appended.error().code, Code::kNoSpace);
  EXPECT_EQ(appended.error().message(), "append " + path("log") + ": File too large");
  EXPECT_EQ(text("log"), "1234567890");
  EXPECT_EQ(count_names(), 1U);  // neither a tile, nor a head, nor what they were to be made from
}

TEST_F(Posix, leaves_nothing_behind_when_a_replacement_fails) {
  ASSERT_TRUE(files_.make_directories(path("head")));
  EXPECT_FALSE(files_.replace(path("head"), as_bytes("x")));
  EXPECT_EQ(count_names(), 1U);
}

TEST_F(Posix, begins_words_at_zero_after_a_reboot) {
  (*files_.share(path("words")))->store(2, 22);
  EXPECT_EQ((*files_.share(path("words")))->load(2), 22U);
  const Fd fd(::open(path("words").c_str(), O_WRONLY));
  ASSERT_EQ(::pwrite(fd.get(), "another boot", 12, 64), 12);
  const auto words = files_.share(path("words"));
  ASSERT_TRUE(words);
  EXPECT_EQ((*words)->load(2), 0U);
  (*words)->store(2, 23);
  EXPECT_EQ((*files_.share(path("words")))->load(2), 23U);
}

TEST_F(Posix, maps_words_of_a_file_that_was_cut_short) {
  ASSERT_TRUE(files_.put_once(path("words"), as_bytes("short")));
  const auto words = files_.share(path("words"));
  ASSERT_TRUE(words);
  EXPECT_EQ((*words)->load(0), 0U);
  (*words)->store(7, 7);
  EXPECT_EQ((*words)->load(7), 7U);
}

TEST_F(Posix, keeps_no_descriptor_open) {
  const size_t before = count_descriptors();
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(files_.make_directories(path("a/b")));
    ASSERT_TRUE(files_.put_once(path("tile"), as_bytes("x")));
    ASSERT_FALSE(files_.put_once(path("tile"), as_bytes("y")));
    ASSERT_TRUE(files_.replace(path("head"), as_bytes("x")));
    ASSERT_TRUE(files_.open_append(path("head")));
    ASSERT_TRUE(files_.lock(path("lock"), Wait::kNo));
    ASSERT_TRUE(files_.share(path("words")));
    ASSERT_TRUE(files_.list(root_));
    ASSERT_TRUE(files_.read(path("tile"), 10));
    ASSERT_FALSE(files_.open_read(root_));
    (void)files_.protection(path("tile"));
  }
  EXPECT_EQ(count_descriptors(), before);
}

TEST_F(Posix, takes_paths_relative_to_the_process) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(root_);
  EXPECT_TRUE(files_.put_once("tile", as_bytes("x")));
  EXPECT_TRUE(files_.make_directories("a/b"));
  EXPECT_TRUE(files_.make_directories("."));
  EXPECT_TRUE(files_.replace("a/head", as_bytes("y")));
  std::filesystem::current_path(before);
  EXPECT_EQ(text("tile"), "x");
  EXPECT_EQ(text("a/head"), "y");
}

// put_once takes the first way where the file system has it; the second must be as good.
TEST_F(Posix, links_durable_bytes_in_one_step_with_and_without_unnamed_files) {
  for (const auto link : {&link_anonymous, &link_temporary}) {
    const auto place = locate("put", path("tile"));
    ASSERT_TRUE(place);
    const auto linked = link("put", *place, as_bytes("first"));
    if (!linked && linked.error().code == Code::kUnsupported) continue;
    ASSERT_TRUE(linked && *linked);
    const auto again = link("put", *place, as_bytes("second"));
    ASSERT_TRUE(again);
    EXPECT_FALSE(*again);
    EXPECT_EQ(text("tile"), "first");
    EXPECT_EQ(mode("tile"), 0600U);
    EXPECT_EQ(count_names(), 1U);
    ASSERT_TRUE(files_.remove(path("tile")));
  }
}

TEST_F(Posix, reads_on_after_the_last_part_of_many) {
  auto file = files_.create_append(path("log"));
  ASSERT_TRUE(file);
  const Bytes large(3 << 20, 'x');
  ASSERT_TRUE((*file)->append({large, as_bytes("end")}));
  Bytes out(10);
  EXPECT_EQ((*file)->read_at(large.size() - 2, out), 5U);
  EXPECT_EQ(as_text(ByteSpan(out).first(5)), "xxend");
}

TEST(ErrnoTable, tells_apart_what_callers_branch_on) {
  EXPECT_EQ(code_of(ENOSPC), Code::kNoSpace);
  EXPECT_EQ(code_of(EDQUOT), Code::kNoSpace);
  EXPECT_EQ(code_of(EPERM), Code::kPermission);
  EXPECT_EQ(code_of(EACCES), Code::kPermission);
  EXPECT_EQ(code_of(EROFS), Code::kPermission);
  EXPECT_EQ(code_of(ENOENT), Code::kNotFound);
  EXPECT_EQ(code_of(EEXIST), Code::kExists);
  EXPECT_EQ(code_of(EAGAIN), Code::kBusy);
  EXPECT_EQ(code_of(ENOTTY), Code::kUnsupported);
  EXPECT_EQ(code_of(EOPNOTSUPP), Code::kUnsupported);
  EXPECT_EQ(code_of(EIO), Code::kIo);
  EXPECT_EQ(code_of(0), Code::kIo);
  EXPECT_EQ(fail_errno("append", "/x", EROFS).value().message(),
            "append /x: Read-only file system");
}

TEST(Fd, closes_what_it_owns_once) {
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  Fd read(pipe[0]);
  {
    Fd write(pipe[1]);
    Fd moved(std::move(write));
    EXPECT_FALSE(write);  // NOLINT(bugprone-use-after-move): a moved-from Fd owns none
    EXPECT_EQ(moved.get(), pipe[1]);
  }
  char byte;
  EXPECT_EQ(::read(read.get(), &byte, 1), 0);  // end of file: the writing end is closed
  read = Fd(read.release());
  EXPECT_EQ(::fcntl(pipe[0], F_GETFD), 0);
  read.reset();
  EXPECT_EQ(::fcntl(pipe[0], F_GETFD), -1);
}

}  // namespace
}  // namespace stele::os
