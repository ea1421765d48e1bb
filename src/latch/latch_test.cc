#include "latch/latch.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "latch/latched_files.h"
#include "os/posix_file_system.h"

namespace stele::latch {
namespace {

using os::Protection;
using wire::LatchAnswer;
using wire::LatchTo;

class LatchTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/stele-latch-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    ASSERT_EQ(::mkdir(volume_folder().c_str(), 0700), 0);
    latch_.emplace(*Latch::open(volume_folder()));
  }
  void TearDown() override {
    for (const auto& entry : std::filesystem::directory_iterator(volume_folder()))
      if (entry.is_regular_file()) (void)files_.protect(entry.path(), Protection::kNone);
    std::filesystem::remove_all(folder_);
  }

  std::string volume_folder() const { return folder_ + "/volume"; }
  std::string socket() const { return folder_ + "/socket"; }
  std::string make(const std::string& name) {
    std::ofstream(volume_folder() + "/" + name) << "leaves";
    return volume_folder() + "/" + name;
  }
  LatchAnswer set(LatchTo what, uint64_t first_index, uint32_t attempt = 0) {
    std::string why;
    return latch_->set({what, attempt, first_index}, why);
  }
  /// Whether flags can be set here at all, by this user on this disk.
  bool can_set() {
    const std::string probe = make("probe");
    const bool can = files_.protect(probe, Protection::kAppendOnly).has_value();
    (void)files_.protect(probe, Protection::kNone);
    return files_.remove(probe) && can;
  }

  std::string folder_;
  os::PosixFileSystem files_;
  std::optional<Latch> latch_;
};

TEST_F(LatchTest, sets_what_it_is_asked_for_and_never_less_than_there_is) {
  if (!can_set()) GTEST_SKIP() << "needs CAP_LINUX_IMMUTABLE, and a file system with flags";
  const std::string volume = make("000000000007.2.vol");
  EXPECT_EQ(set(LatchTo::kAppendOnly, 7, 2), LatchAnswer::kDone);
  EXPECT_EQ(files_.protection(volume), Protection::kAppendOnly);
  EXPECT_EQ(set(LatchTo::kAppendOnly, 7, 2), LatchAnswer::kDone);
  EXPECT_EQ(set(LatchTo::kImmutable, 7, 2), LatchAnswer::kDone);
  EXPECT_EQ(files_.protection(volume), Protection::kImmutable);
  EXPECT_EQ(set(LatchTo::kAppendOnly, 7, 2), LatchAnswer::kDone);
  EXPECT_EQ(files_.protection(volume), Protection::kImmutable);
}

TEST_F(LatchTest, touches_only_volumes_that_are_files_of_its_user) {
  EXPECT_EQ(set(LatchTo::kImmutable, 1), LatchAnswer::kNoVolume);
  const std::string outside = folder_ + "/outside";
  std::ofstream(outside) << "x";
  std::filesystem::create_symlink(outside, volume_folder() + "/000000000001.vol");
  std::filesystem::create_directory(volume_folder() + "/000000000002.vol");
  ASSERT_EQ(::mkfifo((volume_folder() + "/000000000003.vol").c_str(), 0600), 0);
  for (uint64_t index : {1, 2, 3})
    EXPECT_EQ(set(LatchTo::kImmutable, index), LatchAnswer::kNotIts) << index;
  if (::geteuid() != 0) return;
  const std::string another_s = make("000000000004.vol");
  ASSERT_EQ(::chown(another_s.c_str(), 12345, 12345), 0);
  EXPECT_EQ(set(LatchTo::kImmutable, 4), LatchAnswer::kNotIts);
}

/// Listens in a latch's place, and takes down what is asked.
class Asked {
 public:
  Asked(const std::string& path, Bytes answer)
      : listener_(*os::PacketListener::listen(path, 0600)),
        thread_([this, answer = std::move(answer)] { serve(answer); }) {}
  ~Asked() {
    if (thread_.joinable()) thread_.join();
  }

  Result<wire::LatchRequest> request() {
    thread_.join();
    return request_;
  }

 private:
  void serve(const Bytes& answer) {
    os::PacketSocket client;
    while (!client) client = *listener_.accept();
    Bytes packet(64);
    for (;;) {
      const auto received = client.receive(packet);
      if (!received || received->is_closed) return;
      if (received->is_blocked) continue;
      packet.resize(received->bytes);
      break;
    }
    request_ = wire::parse_latch_request(packet);
    if (!answer.empty()) (void)client.send(answer);
  }

  os::PacketListener listener_;
  Result<wire::LatchRequest> request_ = fail(Code::kNotFound, "none");
  std::thread thread_;
};

TEST_F(LatchTest, is_asked_by_the_server_for_its_volumes_and_for_nothing_else) {
  const std::string volume = make("000000000007.2.vol");
  LatchedFiles files(socket());
  {
    Asked latch(socket(), {1, 0});
    EXPECT_TRUE(files.protect(volume, Protection::kAppendOnly));
    EXPECT_EQ(files_.protection(volume).value_or(Protection::kNone), Protection::kNone);
    EXPECT_EQ(latch.request(), (wire::LatchRequest{LatchTo::kAppendOnly, 2, 7}));
  }
  {
    Asked latch(socket(), {1, 3});
    EXPECT_EQ(files.protect(volume, Protection::kAppendOnly).error().code, Code::kUnsupported);
  }
  {
    Asked latch(socket(), {});
    EXPECT_TRUE(files.protect(volume, Protection::kImmutable)) << "nobody waits for that";
  }
  Asked latch(socket(), {1, 0});
  (void)files.protect(make("head"), Protection::kImmutable);
  (void)files.protect(volume, Protection::kNone);
  EXPECT_TRUE(files.protect(volume, Protection::kImmutable));
  EXPECT_EQ(latch.request(), (wire::LatchRequest{LatchTo::kImmutable, 2, 7}))
      << "what was before is none of a latch's";
}

TEST_F(LatchTest, where_it_is_away_the_server_does_what_it_may) {
  const std::string volume = make("000000000007.vol");
  LatchedFiles files(socket());
  EXPECT_EQ(files.protect(volume, Protection::kAppendOnly).has_value(), can_set());
}

TEST_F(LatchTest, answers_its_own_user_only) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: is another user";
  const std::string volume = make("000000000007.vol");
  auto listener = *os::PacketListener::listen(socket(), 0666);
  std::filesystem::permissions(folder_, std::filesystem::perms::all);
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    if (::setresuid(12345, 12345, 12345) != 0) ::_exit(1);
    auto client = os::PacketSocket::connect(socket());
    if (!client) ::_exit(2);
    const auto sent = client->send(wire::encode(wire::LatchRequest{LatchTo::kAppendOnly, 0, 7}));
    ::_exit(sent && *sent ? 0 : 3);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(stranger, &status, 0), stranger);
  ASSERT_EQ(status, 0);
  std::string told;
  answer_waiting(*latch_, listener, [&](const std::string& what) { told = what; });
  EXPECT_EQ(told, "uid 12345 has nothing to ask here");
  EXPECT_EQ(files_.protection(volume).value_or(Protection::kNone), Protection::kNone);
}

}  // namespace
}  // namespace stele::latch
