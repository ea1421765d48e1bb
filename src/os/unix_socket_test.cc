#include "os/unix_socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>

#include "os/pty.h"
#include "os/wake.h"

namespace stele::os {
namespace {

class PacketSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/stele-os-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    path_ = folder_ + "/socket";
  }
  void TearDown() override {
    ::unlink(path_.c_str());
    ::rmdir(folder_.c_str());
  }

  std::pair<PacketSocket, PacketSocket> connected(PacketListener& listener) {
    PacketSocket client = *PacketSocket::connect(path_);
    return {std::move(client), *listener.accept()};
  }

  static bool ready(int fd) {
    Readiness set[] = {{.fd = fd, .want_read = true}};
    wait_until_ready(set, Micros(0));
    return set[0].can_read;
  }

  std::string folder_, path_;
};

TEST_F(PacketSocketTest, brings_each_packet_whole_and_in_order) {
  auto listener = *PacketListener::listen(path_, 0600);
  auto [client, server] = connected(listener);
  const Bytes large(65'600, 7);
  ASSERT_TRUE(*client.send(as_bytes("one")));
  ASSERT_TRUE(*client.send(large));
  Bytes room(65'600);
  EXPECT_EQ(server.receive(room)->bytes, 3u);
  EXPECT_EQ(as_text(ByteSpan(room).first(3)), "one");
  EXPECT_EQ(server.receive(room)->bytes, large.size());
  EXPECT_EQ(room, large);
  EXPECT_TRUE(server.receive(room)->is_blocked);
}

TEST_F(PacketSocketTest, larger_than_the_room_is_an_error_not_a_shorter_packet) {
  auto [client, server] = *packet_pair();
  ASSERT_TRUE(*client.send(as_bytes("four")));
  Bytes room(3);
  EXPECT_EQ(server.receive(room).error().code, Code::kLimit);
}

TEST_F(PacketSocketTest, says_when_the_kernel_takes_no_more_and_goes_on_later) {
  auto [client, server] = *packet_pair();
  const Bytes packet(16'000, 1);
  size_t sent = 0;
  while (*client.send(packet)) ++sent;
  ASSERT_GT(sent, 0u);
  Bytes room(16'000);
  for (size_t i = 0; i < sent; ++i) ASSERT_EQ(server.receive(room)->bytes, room.size());
  EXPECT_TRUE(*client.send(packet));
}

TEST_F(PacketSocketTest, that_was_closed_first_gives_what_was_sent) {
  auto [client, server] = *packet_pair();
  ASSERT_TRUE(*client.send(as_bytes("last words")));
  ASSERT_TRUE(*server.send(as_bytes("never read")));
  client.close();
  Bytes room(64);
  EXPECT_EQ(server.receive(room)->bytes, 10u);
  EXPECT_TRUE(server.receive(room)->is_closed);
  EXPECT_FALSE(server.send(as_bytes("x")).has_value());
}

TEST_F(PacketSocketTest, knows_why_it_could_not_connect) {
  EXPECT_EQ(PacketSocket::connect(path_).error().code, Code::kNotFound);
  EXPECT_EQ(PacketSocket::connect(std::string(200, 'x')).error().code, Code::kInvalid);
  {
    const auto listener = *PacketListener::listen(path_, 0600);
  }
  EXPECT_EQ(PacketSocket::connect(path_).error().code, Code::kIo);
}

TEST_F(PacketSocketTest, takes_the_place_of_a_dead_one_and_of_nothing_else) {
  {
    const auto first = *PacketListener::listen(path_, 0600);
  }
  ASSERT_TRUE(PacketListener::listen(path_, 0640));
  struct stat there{};
  ASSERT_EQ(::stat(path_.c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 0777u, 0640u);
  ::unlink(path_.c_str());
  std::fclose(std::fopen(path_.c_str(), "w"));
  EXPECT_EQ(PacketListener::listen(path_, 0600).error().code, Code::kExists);
}

TEST_F(PacketSocketTest, nobody_waiting_is_no_error) {
  auto listener = *PacketListener::listen(path_, 0600);
  const auto nobody = listener.accept();
  ASSERT_TRUE(nobody);
  EXPECT_FALSE(*nobody);
}

TEST_F(PacketSocketTest, wake_is_seen_until_it_is_cleared) {
  const Wake wake = *Wake::make();
  EXPECT_FALSE(ready(wake.fd()));
  wake.wake();
  wake.wake();
  EXPECT_TRUE(ready(wake.fd()));
  wake.clear();
  EXPECT_FALSE(ready(wake.fd()));
}

}  // namespace
}  // namespace stele::os
