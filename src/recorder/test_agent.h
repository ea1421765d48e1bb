#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "base/check.h"
#include "os/pty.h"
#include "os/unix_socket.h"
#include "wire/session.h"

namespace stele::recorder {

/// An agent that says what the test tells it to.
class Agent {
 public:
  Agent() {
    char pattern[] = "/tmp/stele-link-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    path = folder_ + "/agent";
    listen();
  }
  ~Agent() {
    ::unlink(path.c_str());
    ::rmdir(folder_.c_str());
  }

  void listen() { listener_.emplace(*os::PacketListener::listen(path, 0600)); }
  void accept() {
    do {
      wait(listener_->get());
      socket_ = *listener_->accept();
    } while (!socket_);
  }
  void die() { socket_.close(); }
  void say(const Bytes& packet) { ASSERT_TRUE(*socket_.send(packet)); }
  void welcome(uint64_t next = 2) { say(wire::encode(wire::Welcome{id, next, terms})); }
  void taken(uint64_t number) { say(wire::encode(wire::Taken{number})); }

  wire::FromRecorder hear() {
    for (;;) {
      const auto got = *socket_.receive(room_);
      if (!got.is_blocked) return *wire::parse_from_recorder(ByteSpan(room_).first(got.bytes));
      wait(socket_.get());
    }
  }
  uint64_t hear_event() { return std::get<wire::Said>(hear()).number; }
  /// Whether there is anything to hear.
  bool is_silent() { return socket_.receive(room_)->is_blocked; }

  /// The whole of an opening.
  void begin() {
    accept();
    EXPECT_TRUE(std::holds_alternative<wire::Hello>(hear()));
    welcome();
    taken(1);
  }

  std::string path;
  StreamId id{7};
  wire::Terms terms;

 private:
  static void wait(int fd) {
    os::Readiness set[] = {{.fd = fd, .want_read = true}};
    os::wait_until_ready(set, std::chrono::seconds(30));
    CHECK(set[0].can_read);  // else the link never says what it should
  }
  std::string folder_;
  std::optional<os::PacketListener> listener_;
  os::PacketSocket socket_;
  Bytes room_ = Bytes(wire::kPacketBytesMax);
};

}  // namespace stele::recorder
