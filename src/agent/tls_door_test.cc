#include "agent/tls_door.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "agent/sudo_connections.h"
#include "agent/test_sudo_host.h"
#include "crypto/test_authority.h"
#include "os/signals.h"

namespace stele::agent {
namespace {

using crypto::TestAuthority;
using crypto::TestIdentity;

/// Asked, and set, by several threads.
class DoorClock : public Clock {
 public:
  WallTime wall() override { return crypto::kTestNow; }
  BootTime boot() override { return BootTime(Micros(now.load())); }
  std::atomic<int64_t> now{1'000'000};
};

class TlsDoorTest : public SudoHostTest {
 protected:
  TlsDoorTest() {
    os::ignore_broken_pipes();
    std::string name = testing::TempDir() + "stele-door-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    put("clients", authority.certificate().to_pem());
    identify(authority);
  }
  ~TlsDoorTest() override { std::filesystem::remove_all(folder); }

  void put(const std::string& name, std::string_view text, mode_t mode = 0600) {
    std::ofstream(folder + "/" + name) << text;
    ::chmod((folder + "/" + name).c_str(), mode);
  }
  /// A certificate of that authority's is what is shown.
  void identify(TestAuthority& by) {
    const TestIdentity shown = by.server({"127.0.0.1"});
    put("pem", shown.certificate.to_pem());
    put("key", as_text(shown.key.to_pem().span()));
  }
  SudoTls paths() const {
    return {"127.0.0.1:0", folder + "/pem", folder + "/key", folder + "/clients"};
  }
  void expect_refused(const std::string& what, const std::string& path) {
    const auto refused = TlsDoor::make(paths(), door_clock);
    ASSERT_FALSE(refused) << what;
    const std::string why = refused.error().message();
    EXPECT_NE(why.find("sudo_log_tls." + what), std::string::npos) << why;
    EXPECT_NE(why.find(folder + "/" + path), std::string::npos) << why;
  }

  /// A socket that is listened on, and serves until the end of the test.
  void serve() {
    door = TlsDoor::make(paths(), door_clock).value();
    auto listener = os::StreamListener::listen("127.0.0.1:0");
    port = listener->port();
    connections = SudoConnections::make(*std::move(listener), *door, world_at_door,
                                        [this](const std::string& what) {
                                          const std::lock_guard lock(mutex);
                                          told_of.push_back(what);
                                        })
                      .value();
  }
  os::Fd connect() {
    os::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    os::Readiness set[] = {{.fd = connections->fd(), .want_read = true}};
    os::wait_until_ready(set, std::chrono::seconds(10));
    EXPECT_TRUE(connections->accept_waiting());
    return fd;
  }
  /// What comes until the other side hangs up.
  static std::string rest_of(const os::Fd& socket) {
    std::string all;
    char room[256];
    for (ssize_t got = ::read(socket.get(), room, sizeof room); got > 0;
         got = ::read(socket.get(), room, sizeof room))
      all.append(room, static_cast<size_t>(got));
    return all;
  }
  std::string all_told_of() {
    const std::lock_guard lock(mutex);
    std::string all;
    for (const std::string& each : told_of) all += each + "\n";
    return all;
  }

  TestAuthority authority;
  DoorClock door_clock;
  SudoWorld world_at_door{world.policy_for, sessions, memory, door_clock, os::system_random};
  std::string folder;
  uint16_t port = 0;
  std::mutex mutex;
  std::vector<std::string> told_of;
  std::unique_ptr<TlsDoor> door;
  std::unique_ptr<SudoConnections> connections;
};

TEST_F(TlsDoorTest, EachFileThatIsWrongIsNamed) {
  EXPECT_TRUE(TlsDoor::make(paths(), door_clock));
  for (const std::string each : {"pem", "key", "clients"}) {
    const std::string what = each == "pem" ? "certificate" : each;
    const std::string path = folder + "/" + each, aside = folder + "/aside";
    std::filesystem::rename(path, aside);
    expect_refused(what, each);
    put(each, "no PEM");
    expect_refused(what, each);
    std::filesystem::rename(aside, path);
    ::chmod(path.c_str(), 0666);
    expect_refused(what, each);
    ::chmod(path.c_str(), 0600);
  }
  ::chmod((folder + "/key").c_str(), 0640);
  expect_refused("key", "key");
  put("key", as_text(authority.client("web02").key.to_pem().span()));
  expect_refused("key", "key");
}

TEST_F(TlsDoorTest, WhatIsWrongWhenFilesAreReadAnewChangesNothing) {
  door = TlsDoor::make(paths(), door_clock).value();
  put("clients", "no PEM");
  EXPECT_FALSE(door->refresh());
  TestAuthority other(2);
  put("clients", other.certificate().to_pem());
  EXPECT_TRUE(door->refresh());
}

TEST_F(TlsDoorTest, PlainBytesAreNotAnswered) {
  serve();
  const os::Fd plain = connect();
  ASSERT_EQ(::write(plain.get(), "\0\0\0\x0cj\x0asudoers 1.9", 15), 15);
  EXPECT_EQ(rest_of(plain).find("stele"), std::string::npos);
  connections.reset();
  EXPECT_NE(all_told_of().find("127.0.0.1: TLS, handshake: "), std::string::npos) << all_told_of();
}

TEST_F(TlsDoorTest, WhoIsSlowWithAHandshakeHoldsAPlaceForSomeTimeAndNotTheOthers) {
  serve();
  std::vector<os::Fd> silent;
  for (size_t i = 0; i < TlsDoor::kKnockingPerAddressMax; ++i) silent.push_back(connect());
  EXPECT_EQ(rest_of(connect()), "") << "no place for one more from there";
  door_clock.now += TlsDoor::kHandshakeMax.count();
  for (const os::Fd& each : silent) {
    EXPECT_EQ(::write(each.get(), "\x16", 1), 1);
    EXPECT_EQ(rest_of(each), "");
  }
  silent.clear();
  // Whoever comes now is listened to. Of several who are turned away in ten seconds one is told of.
  const auto is_told = [&] { return all_told_of().find("TLS, handshake") != std::string::npos; };
  for (int i = 0; i < 100 && !is_told(); ++i) {
    door_clock.now += TlsDoor::kHandshakeMax.count();
    const os::Fd next = connect();
    EXPECT_EQ(::write(next.get(), "plain", 5), 5);
    EXPECT_EQ(rest_of(next).find("stele"), std::string::npos);
  }
  connections.reset();
  const std::string told = all_told_of();
  EXPECT_NE(told.find("too many from 127.0.0.1"), std::string::npos) << told;
  EXPECT_NE(told.find("too slow"), std::string::npos) << told;
  EXPECT_TRUE(is_told()) << told;
}

TEST_F(TlsDoorTest, AnAgentThatEndsWaitsForNoHandshake) {
  serve();
  const os::Fd silent = connect();
  connections.reset();
  EXPECT_EQ(rest_of(silent), "");
}

TEST(TlsDoor, ACertificateHasAName) {
  crypto::Certificate certificate;
  EXPECT_EQ(name_of(certificate), "the key 0000000000000000");
  certificate.names = {"web02.example", "192.0.2.1"};
  EXPECT_EQ(name_of(certificate), "web02.example");
  certificate.common_name =
      "w\xc3\xa9"
      "b";
  EXPECT_EQ(name_of(certificate), "w??b");
}

}  // namespace
}  // namespace stele::agent
