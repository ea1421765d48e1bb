#include "os/stream_socket.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/pty.h"

namespace stele::os {
namespace {

Fd connect_to(uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

StreamSocket accepted(StreamListener& listener) {
  Readiness set[] = {{.fd = listener.get(), .want_read = true}};
  wait_until_ready(set, std::chrono::seconds(10));
  auto socket = listener.accept();
  EXPECT_TRUE(socket && *socket);
  return *std::move(socket);
}

TEST(Loopback, OnlyLoopbackIsListenedOn) {
  for (const char* each : {"0.0.0.0:30343", "192.0.2.1:30343", "127.0.0.1", "127.0.0.1:", "[::]:1",
                           "localhost:30343", "127.0.0.1:65536", "127.0.0.1:1x", ""})
    EXPECT_EQ(StreamListener::listen_on_loopback(each).error().code, Code::kInvalid) << each;
  EXPECT_TRUE(StreamListener::listen_on_loopback("127.0.0.1:0"));
}

TEST(StreamListener, AnAddressAndAPortAreWanted) {
  for (const char* each : {"0.0.0.0", "0.0.0.0:", "0.0.0.0:65536", "0.0.0.0:1x", "::1:30344",
                           "[::1]", "[::1:1", "[0.0.0.0]:1", "collector:30344", ":30344", ""}) {
    EXPECT_EQ(check_listen_address(each).error().code, Code::kInvalid) << each;
    EXPECT_EQ(StreamListener::listen(each).error().code, Code::kInvalid) << each;
  }
  for (const char* each : {"0.0.0.0:30344", "[::]:30344", "192.0.2.1:1", "[2001:db8::1]:1"})
    EXPECT_TRUE(check_listen_address(each)) << each;
  auto taken = StreamListener::listen("0.0.0.0:0");
  ASSERT_TRUE(taken);
  const std::string same = "0.0.0.0:" + std::to_string(taken->port());
  EXPECT_NE(StreamListener::listen(same).error().message().find(same), std::string::npos);
}

TEST(StreamListener, WhereAConnectionComesFromIsTold) {
  for (const char* each : {"0.0.0.0:0", "[::]:0"}) {
    auto listener = StreamListener::listen(each);
    if (!listener && each[0] == '[') continue;  // no IPv6 here
    ASSERT_TRUE(listener);
    const Fd client = connect_to(listener->port());
    const StreamSocket served = accepted(*listener);
    EXPECT_EQ(address_of_other_end(served.get()).value(), "127.0.0.1") << each;
  }
}

TEST(Loopback, TheKernelSaysWhoseTheOtherEndIs) {
  auto listener = StreamListener::listen_on_loopback("127.0.0.1:0");
  ASSERT_TRUE(listener);
  const Fd client = connect_to(listener->port());
  const StreamSocket served = accepted(*listener);
  const auto owner = owner_of_other_end(served.get());
  ASSERT_TRUE(owner) << owner.error().message();
  EXPECT_EQ(*owner, ::geteuid());
}

TEST(Loopback, AnotherUsersSocketIsTold) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to be somebody else";
  auto listener = StreamListener::listen_on_loopback("127.0.0.1:0");
  ASSERT_TRUE(listener);
  ::setfsuid(4321);
  const Fd client = connect_to(listener->port());
  ::setfsuid(0);
  const StreamSocket served = accepted(*listener);
  EXPECT_EQ(owner_of_other_end(served.get()).value(), 4321U);
}

// The kernel has uid 0 for those.
TEST(Loopback, AClosedEndIsNobodys) {
  auto listener = StreamListener::listen_on_loopback("127.0.0.1:0");
  ASSERT_TRUE(listener);
  {
    Fd client = connect_to(listener->port());
    const StreamSocket served = accepted(*listener);
    client.reset();
    EXPECT_EQ(owner_of_other_end(served.get()).error().code, Code::kNotFound);
  }
  const Fd half = connect_to(listener->port());
  const StreamSocket served = accepted(*listener);
  ::shutdown(half.get(), SHUT_WR);
  EXPECT_EQ(owner_of_other_end(served.get()).error().code, Code::kNotFound);
}

TEST(Loopback, BytesArriveAndThenTheEnd) {
  auto listener = StreamListener::listen_on_loopback("127.0.0.1:0");
  ASSERT_TRUE(listener);
  Fd client = connect_to(listener->port());
  StreamSocket served = accepted(*listener);
  Bytes room(16);
  EXPECT_TRUE(served.receive(room)->is_blocked);
  ASSERT_EQ(::write(client.get(), "abc", 3), 3);
  Readiness set[] = {{.fd = served.get(), .want_read = true}};
  wait_until_ready(set, std::chrono::seconds(10));
  EXPECT_EQ(served.receive(room)->bytes, 3U);
  EXPECT_EQ(served.send(as_bytes("de")).value(), 2U);
  char back[2];
  EXPECT_EQ(::read(client.get(), back, 2), 2);
  client.reset();
  wait_until_ready(set, std::chrono::seconds(10));
  EXPECT_TRUE(served.receive(room)->is_closed);
}

}  // namespace
}  // namespace stele::os
