#include "os/poller.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace stele::os {
namespace {

struct Pipe {
  Fd out, in;
};
Pipe make_pipe() {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

constexpr Micros kNow{0};

TEST(Poller, tells_what_is_ready_and_nothing_else) {
  auto poller = Poller::make();
  ASSERT_TRUE(poller);
  Pipe quiet = make_pipe();
  Pipe busy = make_pipe();
  ASSERT_EQ(::write(busy.in.get(), "x", 1), 1);
  Readiness set[] = {{.fd = quiet.out.get(), .want_read = true},
                     {.fd = busy.out.get(), .want_read = true},
                     {.fd = busy.in.get(), .want_write = true},
                     {.fd = -1, .want_read = true}};
  for (int i = 0; i < 2; ++i) {  // again, until it is read
    poller->wait(set, std::nullopt);
    EXPECT_FALSE(set[0].can_read || set[3].can_read);
    EXPECT_TRUE(set[1].can_read && set[2].can_write);
  }
}

TEST(Poller, follows_what_is_wanted) {
  auto poller = Poller::make();
  ASSERT_TRUE(poller);
  Pipe pipe = make_pipe();
  Pipe other = make_pipe();
  ASSERT_EQ(::write(pipe.in.get(), "x", 1), 1);
  Readiness set[] = {{.fd = pipe.out.get()}};
  poller->wait(set, kNow);
  EXPECT_FALSE(set[0].can_read);
  set[0].want_read = true;
  poller->wait(set, kNow);
  EXPECT_TRUE(set[0].can_read);
  set[0].fd = other.out.get();  // another descriptor in its place
  poller->wait(set, kNow);
  EXPECT_FALSE(set[0].can_read);
  set[0] = {.fd = other.in.get(), .want_write = true};
  poller->wait(set, kNow);
  EXPECT_TRUE(set[0].can_write);
}

TEST(Poller, a_hang_up_is_readable_only_while_somebody_reads) {
  auto poller = Poller::make();
  ASSERT_TRUE(poller);
  Pipe pipe = make_pipe();
  Readiness set[] = {{.fd = pipe.out.get(), .want_read = true}};
  pipe.in.reset();
  poller->wait(set, std::nullopt);
  EXPECT_TRUE(set[0].can_read);
  set[0].want_read = false;
  poller->wait(set, kNow);
  EXPECT_FALSE(set[0].can_read);
}

TEST(Poller, a_file_is_always_ready) {
  auto poller = Poller::make();
  ASSERT_TRUE(poller);
  Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  Readiness set[] = {{.fd = file.get(), .want_read = true}};
  for (int i = 0; i < 2; ++i) {
    poller->wait(set, std::nullopt);
    EXPECT_TRUE(set[0].can_read);
  }
  set[0].want_read = false;
  poller->wait(set, kNow);
  EXPECT_FALSE(set[0].can_read);
}

}  // namespace
}  // namespace stele::os
