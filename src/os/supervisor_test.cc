#include "os/supervisor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "os/fd.h"

namespace stele::os {
namespace {

class SupervisorTest : public ::testing::Test {
 protected:
  ~SupervisorTest() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "JOURNAL_STREAM"})
      ::unsetenv(name);
  }
  static std::string said(Severity severity, std::string_view text) {
    ::testing::internal::CaptureStderr();
    tell_journal(severity, text);
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(SupervisorTest, hears_of_it_where_it_asked_to) {
  const std::string path = testing::TempDir() + "stele-notify-" + std::to_string(::getpid());
  ::unlink(path.c_str());
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_TRUE(notify_supervisor("READY=1")) << "nobody asked";
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  const Status told = notify_supervisor("WATCHDOG=1");
  ASSERT_TRUE(told) << told.error().message();
  std::array<char, 64> got{};
  EXPECT_EQ(::recv(socket.get(), got.data(), got.size(), MSG_DONTWAIT), 10);
  EXPECT_STREQ(got.data(), "WATCHDOG=1");
  ::unlink(path.c_str());
  EXPECT_EQ(notify_supervisor("READY=1").error().code, Code::kNotFound);
  ::setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
  EXPECT_EQ(notify_supervisor("READY=1").error().code, Code::kInvalid);
}

TEST_F(SupervisorTest, watches_this_process_only_if_it_says_so) {
  EXPECT_EQ(watchdog_interval(), std::nullopt);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(watchdog_interval(), std::chrono::seconds(30));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(watchdog_interval(), std::nullopt);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_interval(), std::chrono::seconds(30));
  ::setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_EQ(watchdog_interval(), std::nullopt);
}

TEST_F(SupervisorTest, journal_gets_one_line_with_its_severity) {
  EXPECT_EQ(said(Severity::kWarning, "the disk is full"), "the disk is full\n");
  ::setenv("JOURNAL_STREAM", "8:1234", 1);
  EXPECT_EQ(said(Severity::kWarning, "a\nb\x1b[2Jc"), "<4>a b [2Jc\n");
}

}  // namespace
}  // namespace stele::os
