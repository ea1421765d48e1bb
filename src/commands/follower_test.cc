// Both ways of following, against the kernel that runs here: skipped where it has not that one.
#include "commands/follower.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "commands/process_events.h"
#include "commands/test_following.h"
#include "os/peer.h"

namespace stele::commands {
namespace {

class ProcessEventsTest : public FollowingTest {
 protected:
  void SetUp() override {
    auto events = ProcessEvents::start(sink(), {});
    if (!events) GTEST_SKIP() << events.error().message();
    follower_ = *std::move(events);
  }
};

TEST_F(ProcessEventsTest, tells_what_ran_and_how_it_ended) {
  const pid_t shell = run(
      "cd /usr/lib; /bin/sleep 0.2; (exec -a x /bin/sleep 0.1) 2>&-; /bin/false; kill -9 $$", 5);
  const auto execs = all<event::Exec>(5);
  ASSERT_GE(execs.size(), 3U);
  EXPECT_EQ(execs[0].pid, static_cast<uint32_t>(shell));
  const auto slept = std::find_if(execs.begin(), execs.end(), [](const event::Exec& each) {
    return each.argv == std::vector<std::string>{"/bin/sleep", "0.2"};
  });
  ASSERT_NE(slept, execs.end());
  EXPECT_TRUE(slept->file.ends_with("/sleep")) << slept->file;
  EXPECT_EQ(slept->cwd, "/usr/lib");
  EXPECT_EQ(slept->parent, static_cast<uint32_t>(shell));
  EXPECT_EQ(slept->uid, getuid());
  EXPECT_FALSE(slept->is_cut);
  const auto exits = all<event::Exit>(5);
  EXPECT_EQ(exits.front(), (event::Exit{slept->pid, 0, {}, false}));
  EXPECT_EQ(exits[exits.size() - 2].exit_status, 1) << "false";
  EXPECT_EQ(exits.back(), (event::Exit{static_cast<uint32_t>(shell), {}, 9, false}));
  EXPECT_EQ(follower_->take_lost(5), 0U);
}

TEST_F(ProcessEventsTest, what_is_over_at_once_is_told_all_the_same) {
  run("for i in 1 2 3 4 5 6 7 8; do /bin/true; done; exit 0", 6);
  const auto execs = all<event::Exec>(6);
  EXPECT_EQ(execs.size(), 9U);
  for (const event::Exec& each : execs)
    EXPECT_TRUE(each.is_cut || !each.argv.empty()) << "what is missing is said";
  EXPECT_EQ(all<event::Exit>(6).size(), 9U);
}

TEST_F(ProcessEventsTest, nobody_leaves_by_another_session_or_parent) {
  run("(setsid -f /bin/sh -c '/bin/sleep 0.1; /bin/sleep 0.3'; (/bin/sleep 0.2 &); /bin/sleep 0.6)"
      " | cat",  // which waits for all of them
      7);
  std::vector<std::string> slept;
  for (const event::Exec& each : all<event::Exec>(7))
    if (each.argv.size() == 2 && each.argv[0] == "/bin/sleep") slept.push_back(each.argv[1]);
  std::sort(slept.begin(), slept.end());
  EXPECT_EQ(slept, (std::vector<std::string>{"0.1", "0.2", "0.3", "0.6"}));
}

TEST_F(ProcessEventsTest, sessions_are_apart_and_a_thread_is_no_process) {
  run("/bin/sleep 0.25", 1);
  run("/bin/sleep 0.26", 2);
  std::thread([] {}).join();
  EXPECT_EQ(all<event::Exec>(1).back().argv.back(), "0.25");
  EXPECT_EQ(all<event::Exec>(2).back().argv.back(), "0.26");
  EXPECT_TRUE(all<event::Exec>(0).empty());
}

TEST_F(ProcessEventsTest, who_was_there_before_is_followed_as_well) {
  const pid_t shell = fork();
  if (shell == 0) {
    execl("/bin/sh", "sh", "-c", "/bin/sleep 0.6; /bin/sleep 0.1", nullptr);
    _exit(127);
  }
  const auto sleeps = [&] {
    const auto children = os::descendants_of(static_cast<uint32_t>(shell));
    if (children.empty()) return false;
    std::string name;
    std::ifstream("/proc/" + std::to_string(children.front()) + "/comm") >> name;
    return name == "sleep";
  };
  while (!sleeps()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // its exec is told by then
  EXPECT_TRUE(follower_->follow(static_cast<uint32_t>(shell), 9));
  using Followed = Follower::Followed;
  EXPECT_EQ(follower_->followed(static_cast<uint32_t>(shell)), (Followed{9, true}));
  EXPECT_EQ(follower_->followed(os::descendants_of(static_cast<uint32_t>(shell)).front()),
            (Followed{9, false}));
  EXPECT_EQ(follower_->followed(os::own_pid()), std::nullopt);
  waitpid(shell, nullptr, 0);
  follower_->settle();
  EXPECT_EQ(all<event::Exec>(9).size(), 1U);
  EXPECT_EQ(all<event::Exit>(9).size(), 3U);
  follower_->forget(9);
  EXPECT_EQ(follower_->take_lost(9), 0U);
}

// More than the socket holds, while nobody reads: the sink waits.
TEST_F(ProcessEventsTest, what_is_lost_is_counted_and_who_is_there_found_again) {
  const pid_t shell = fork();
  if (shell == 0) {
    execl("/bin/sh", "sh", "-c", "/bin/sleep 0.1; exec /bin/sleep 300", nullptr);
    _exit(127);
  }
  EXPECT_TRUE(follower_->follow(static_cast<uint32_t>(shell), 4));
  {
    const std::lock_guard lock(mutex_);  // the sink's
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (int i = 0; i < 5'000 && std::chrono::steady_clock::now() < end; ++i) {
      const pid_t child = fork();
      if (child == 0) _exit(0);
      waitpid(child, nullptr, 0);
    }
  }
  follower_->settle();
  const uint64_t lost = follower_->take_lost(4);
  kill(shell, SIGKILL);
  waitpid(shell, nullptr, 0);
  follower_->settle();
  if (lost == 0) GTEST_SKIP() << "this kernel's buffer held all of it";
  EXPECT_EQ(all<event::Exit>(4).back().signal, SIGKILL) << "its end is told, whatever was lost";
}

TEST(Following, is_by_one_way_and_says_why_not_by_the_other) {
  auto following = start_following([](const Seen&) {}, {}, nullptr);
  if (!following) GTEST_SKIP() << following.error().message();
  const bool is_second_best = std::string_view(following->follower->name()) != "ebpf";
  EXPECT_EQ(is_second_best, !following->instead.empty());
}

}  // namespace
}  // namespace stele::commands
