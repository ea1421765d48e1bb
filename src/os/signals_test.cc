#include "os/signals.h"

#include <gtest/gtest.h>

#include <csignal>
#include <optional>

#include "os/pty.h"

namespace stele::os {
namespace {

TEST(SignalWatch, turns_signals_into_something_to_wait_for) {
  auto watch = SignalWatch::make({SIGTERM, SIGUSR1}, {SIGUSR2});
  ASSERT_TRUE(watch);
  EXPECT_FALSE(watch->take().has(SIGTERM));
  ::raise(SIGTERM);
  ::raise(SIGUSR2);
  Readiness set[] = {{.fd = watch->fd(), .want_read = true}};
  wait_until_ready(set, std::nullopt);
  EXPECT_TRUE(set[0].can_read);
  const SignalSet came = watch->take();
  EXPECT_TRUE(came.has(SIGTERM));
  EXPECT_TRUE(came.has(SIGUSR2));
  EXPECT_FALSE(came.has(SIGUSR1));
  EXPECT_FALSE(came.without(SIGTERM).has(SIGTERM));
  EXPECT_FALSE(watch->take().has(SIGTERM));
}

TEST(SignalWatch, leaves_ignored_signals_alone_and_puts_the_old_handling_back) {
  struct sigaction ignored{}, before{}, after{};
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGUSR1, &ignored, &before);
  {
    auto watch = SignalWatch::make({SIGUSR1}, {});
    ASSERT_TRUE(watch);
    ::raise(SIGUSR1);
    EXPECT_FALSE(watch->take().has(SIGUSR1));
  }
  {
    auto watch = SignalWatch::make({}, {SIGUSR1});
    ASSERT_TRUE(watch);
    ::raise(SIGUSR1);
    EXPECT_TRUE(watch->take().has(SIGUSR1));
  }
  ::sigaction(SIGUSR1, &before, &after);
  EXPECT_EQ(after.sa_handler, SIG_IGN);
}

}  // namespace
}  // namespace stele::os
