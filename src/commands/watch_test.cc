// Against the kernel that runs here: skipped where it has no programs of ours.
#include "commands/watch.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands/test_following.h"

namespace stele::commands {
namespace {

class WatchTest : public FollowingTest {
 protected:
  void SetUp() override {
    auto watch = Watch::start(sink());
    if (!watch) GTEST_SKIP() << watch.error().message();
    follower_ = *std::move(watch);
  }
};

TEST_F(WatchTest, tells_what_ran_where_and_how_it_ended) {
  const pid_t shell = run("cd /usr/lib; /bin/true one 'two three' ''; /bin/false; exit 7", 5);
  const auto execs = all<event::Exec>(5);
  ASSERT_EQ(execs.size(), 3U);
  EXPECT_EQ(execs[0].pid, static_cast<uint32_t>(shell));
  EXPECT_EQ(execs[0].file, "/bin/sh");
  EXPECT_EQ(execs[1].argv, (std::vector<std::string>{"/bin/true", "one", "two three", ""}));
  EXPECT_EQ(execs[1].cwd, "/usr/lib");
  EXPECT_EQ(execs[1].parent, static_cast<uint32_t>(shell));
  EXPECT_EQ(execs[1].uid, getuid());
  EXPECT_FALSE(execs[1].is_cut);
  const auto exits = all<event::Exit>(5);
  ASSERT_EQ(exits.size(), 3U);
  EXPECT_EQ(exits[0], (event::Exit{execs[1].pid, 0, {}, false}));
  EXPECT_EQ(exits[1], (event::Exit{execs[2].pid, 1, {}, false}));
  EXPECT_EQ(exits[2], (event::Exit{static_cast<uint32_t>(shell), 7, {}, false}));
}

TEST_F(WatchTest, sessions_are_apart_and_nobody_else_is_seen) {
  run("/bin/true a", 1);
  const pid_t other = fork();
  if (other == 0) {
    execl("/bin/true", "true", "nobody's", nullptr);
    _exit(127);
  }
  waitpid(other, nullptr, 0);
  run("/bin/true b", 2);
  EXPECT_EQ(all<event::Exec>(1).size(), 2U);
  EXPECT_EQ(all<event::Exec>(2).size(), 2U);
  EXPECT_EQ(seen_.size(), 2U);
}

TEST_F(WatchTest, who_leaves_its_parent_and_its_terminal_is_followed) {
  run("(setsid sh -c 'sh -c \"/bin/true far\" & wait' &) | cat", 3);  // cat waits for all of them
  const auto execs = all<event::Exec>(3);
  const auto is_far = [](const event::Exec& e) {
    return e.argv == std::vector<std::string>{"/bin/true", "far"};
  };
  EXPECT_EQ(std::count_if(execs.begin(), execs.end(), is_far), 1);
}

TEST_F(WatchTest, a_signal_and_a_thread_that_ends_are_told_apart) {
  run("sh -c 'kill -9 $$'", 4);
  const auto exits = all<event::Exit>(4);
  ASSERT_GE(exits.size(), 1U);
  EXPECT_EQ(exits[0].signal, 9);
  EXPECT_FALSE(exits[0].exit_status);
}

TEST_F(WatchTest, long_arguments_are_whole_up_to_their_bound) {
  run("/bin/true $(head -c 28000 /dev/zero | tr '\\0' x)", 6);
  run("/bin/true $(head -c 60000 /dev/zero | tr '\\0' x)", 7);
  EXPECT_EQ(all<event::Exec>(6).back().argv.back().size(), 28000U);
  EXPECT_FALSE(all<event::Exec>(6).back().is_cut);
  EXPECT_EQ(all<event::Exec>(7).back().argv.back().size(), size_t{28} * 1024 - sizeof "/bin/true");
  EXPECT_TRUE(all<event::Exec>(7).back().is_cut);
}

TEST_F(WatchTest, a_change_of_rights_is_told) {
  if (getuid() != 0) GTEST_SKIP() << "needs root";
  run("setpriv --reuid 1234 --regid 1235 --clear-groups /bin/true", 8);
  const auto changes = all<event::Privilege>(8);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].before.uid, 0U);
  EXPECT_EQ(changes[0].now.uid, 1234U);
  EXPECT_EQ(changes[0].now.egid, 1235U);
  EXPECT_EQ(changes[0].now.capabilities, 0U);
}

TEST_F(WatchTest, whom_a_process_had_made_before_is_followed_too) {
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    close(gate[1]);
    if (fork() == 0) {
      char go = 0;
      (void)!read(gate[0], &go, 1);
      execl("/bin/true", "true", "child", nullptr);
      _exit(127);
    }
    wait(nullptr);
    _exit(0);
  }
  close(gate[0]);
  usleep(100'000);
  ASSERT_TRUE(follower_->follow(static_cast<uint32_t>(parent), 9));
  close(gate[1]);
  waitpid(parent, nullptr, 0);
  follower_->settle();
  EXPECT_EQ(all<event::Exec>(9).size(), 1U);
}

TEST_F(WatchTest, thousands_in_a_row_are_all_seen_or_counted) {
  run("i=0; while [ $i -lt 3000 ]; do /bin/true; i=$((i+1)); done", 10);
  EXPECT_EQ(all<event::Exec>(10).size() + all<event::Exit>(10).size() + follower_->take_lost(10),
            6002U);
}

/// What a file named sshd executes here. Words: a uid to be first, whether it is a child of its
/// own, and then "connect ADDRESS PORT" or "listen ADDRESS PORT", each in turn.
constexpr const char* kSshd = R"(
import os, socket, sys
def one(what, address, port='0'):
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
    if what == 'listen':
        s.bind((address, int(port))); s.listen()
    else:
        s.connect_ex((address, int(port)))
    s.close()
uid, inner = int(sys.argv[1]), sys.argv[2] == 'child'
def act():
    if uid: os.setresuid(uid, uid, uid)
    words = sys.argv[3:]
    while words:
        one(*words[:3]); words = words[3:]
if inner:
    child = os.fork()
    if child == 0:
        act(); os._exit(0)
    os.waitpid(child, 0)
else:
    act()
)";

class WatchSshdTest : public WatchTest {
 protected:
  void SetUp() override {
    WatchTest::SetUp();
    if (IsSkipped()) return;
    if (getuid() != 0) GTEST_SKIP() << "needs root";
    if (!follower_->no_forwards().empty()) GTEST_SKIP() << follower_->no_forwards();
    folder_ = testing::TempDir() + "forwards-" + std::to_string(getpid());
    ASSERT_EQ(system(("mkdir -p " + folder_ + " && chmod 755 " + folder_).c_str()), 0);
    copy_as("sshd");
  }
  void TearDown() override { (void)!system(("rm -rf " + folder_).c_str()); }
  void copy_as(const std::string& name) {
    const std::string copy = "cp -L /usr/bin/python3 " + folder_ + "/" + name;
    ASSERT_EQ(system(copy.c_str()), 0);
  }
  /// By a file of this name, as `uid`, of itself or of a child.
  std::vector<Forwarded> run_as(const std::string& name, uint32_t uid, bool in_child,
                                const std::string& words) {
    forwards_.clear();
    const std::string command = folder_ + "/" + name + " -I -c \"$SCRIPT\" " + std::to_string(uid) +
                                (in_child ? " child " : " itself ") + words;
    setenv("SCRIPT", kSshd, 1);
    EXPECT_EQ(system(command.c_str()), 0) << command;
    follower_->settle();
    return forwards_;
  }

  std::string folder_;
};

TEST_F(WatchSshdTest, what_sshd_connects_to_and_listens_on_is_told) {
  using What = event::Forward::What;
  const auto told = run_as("sshd", 0, false,
                           "connect 127.0.0.1 9 listen 127.0.0.1 46010 connect ::1 9 "
                           "listen ::1 46011 connect ::ffff:127.0.0.1 10");
  ASSERT_EQ(told.size(), 5U);
  EXPECT_EQ(told[0].what, (event::Forward{What::kConnect, "127.0.0.1", 9, Micros(0)}));
  EXPECT_EQ(told[1].what, (event::Forward{What::kListen, "127.0.0.1", 46010, Micros(0)}));
  EXPECT_EQ(told[2].what, (event::Forward{What::kConnect, "::1", 9, Micros(0)}));
  EXPECT_EQ(told[3].what, (event::Forward{What::kListen, "::1", 46011, Micros(0)}));
  EXPECT_EQ(told[4].what, (event::Forward{What::kConnect, "127.0.0.1", 10, Micros(0)}));
  EXPECT_EQ(told[0].sshd, told[4].sshd);
  EXPECT_NE(told[0].sshd.started, 0U);
}

TEST_F(WatchSshdTest, also_of_one_that_gave_root_s_rights_away) {
  const auto told = run_as("sshd", 1234, true, "connect 127.0.0.1 9");
  EXPECT_EQ(told.size(), 1U);
  copy_as("sshd-session");
  EXPECT_EQ(run_as("sshd-session", 1234, true, "connect 127.0.0.1 9").size(), 1U);
}

TEST_F(WatchSshdTest, but_not_of_who_only_calls_itself_so) {
  copy_as("other");
  EXPECT_TRUE(run_as("other", 0, false, "connect 127.0.0.1 9").empty());
  EXPECT_TRUE(run_as("sshd", 1234, false, "connect 127.0.0.1 9").empty())
      << "whom nobody of root's and of that name made";
  ASSERT_EQ(system(("chown 1234 " + folder_ + "/sshd").c_str()), 0);
  EXPECT_TRUE(run_as("sshd", 0, false, "connect 127.0.0.1 9").empty()) << "somebody's own program";
  ASSERT_EQ(system(("ln -sf other " + folder_ + "/sshd").c_str()), 0);
  EXPECT_TRUE(run_as("sshd", 0, false, "connect 127.0.0.1 9").empty()) << "by another name";
}

TEST_F(WatchSshdTest, thousands_are_told_or_counted) {
  const auto told = run_as("sshd", 0, false,
                           "connect 127.0.0.1 9 $(for i in $(seq 2000); do echo connect 127.0.0.1 "
                           "$((i+10000)); done)");
  EXPECT_EQ(told.size() + follower_->take_lost_forwards(), 2001U);
}

}  // namespace
}  // namespace stele::commands
