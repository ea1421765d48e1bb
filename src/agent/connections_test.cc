#include "agent/connections.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "os/clock.h"
#include "os/pty.h"

namespace stele::agent {
namespace {

/// Sessions that hold what they are told, and never are durable.
class IdleSessions : public Sessions {
 public:
  class Sink : public SessionSink {
   public:
    explicit Sink(std::atomic<int>& open) : open_(open) { ++open_; }
    ~Sink() override { --open_; }
    Status output(BootTime, ByteSpan) override { return {}; }
    Status input(BootTime, ByteSpan) override { return {}; }
    Status event(BootTime, event::Lane, const event::Body&) override { return {}; }
    Status note(BootTime, const event::Body&) override { return {}; }
    Status stand_for(BootTime, const std::vector<event::Body>&) override { return {}; }
    void passed_on() override {}
    Status close() override { return {}; }

   private:
    std::atomic<int>& open_;
  };
  Result<Opened> open(const Owner&, const wire::Terms&, uint8_t, const event::Start&,
                      Durable) override {
    return Opened{{}, std::make_unique<Sink>(open_now)};
  }
  Result<Known> find(const StreamId&) override { return fail(Code::kNotFound, "none"); }
  Result<Resumed> resume(const StreamId&, uint64_t, Durable) override {
    return fail(Code::kNotFound, "none");
  }

  std::atomic<int> open_now = 0;
};

class ConnectionsTest : public ::testing::Test {
 protected:
  ConnectionsTest() { std::filesystem::remove(path); }
  ~ConnectionsTest() override { std::filesystem::remove(path); }

  void listen(ConnectionLimits limits) {
    auto listener = os::PacketListener::listen(path, 0600);
    ASSERT_TRUE(listener) << listener.error().message();
    connections = Connections::make(
                      *std::move(listener), sessions, [](const os::Peer&) { return Policy(); },
                      [this](const Owner&, const Error&) { ++errors; }, clock, limits)
                      .value();
  }
  os::PacketSocket connect() {
    auto socket = os::PacketSocket::connect(path).value();
    EXPECT_TRUE(connections->accept_waiting());
    return socket;
  }
  void greet(os::PacketSocket& socket) {
    wire::Hello hello;
    hello.argv = {"true"};
    ASSERT_TRUE(socket.send(*wire::encode(hello)).value());
  }
  std::optional<wire::FromAgent> hear(os::PacketSocket& socket) {
    os::Readiness set[] = {{.fd = socket.get(), .want_read = true}};
    os::wait_until_ready(set, std::nullopt);
    Bytes room(wire::kPacketBytesMax);
    const auto got = socket.receive(room);
    if (!got || got->is_closed || got->is_blocked) return std::nullopt;
    return wire::parse_from_agent(ByteSpan(room).first(got->bytes)).value();
  }

  const std::string path = testing::TempDir() + "stele-connections-" + std::to_string(::getpid());
  os::SystemClock clock;
  IdleSessions sessions;
  std::atomic<int> errors = 0;
  std::unique_ptr<Connections> connections;
};

TEST_F(ConnectionsTest, each_recorder_has_a_session_of_its_own) {
  listen({});
  auto one = connect(), two = connect();
  greet(one);
  greet(two);
  EXPECT_TRUE(std::holds_alternative<wire::Welcome>(hear(one).value()));
  EXPECT_TRUE(std::holds_alternative<wire::Welcome>(hear(two).value()));
  EXPECT_EQ(sessions.open_now, 2);
  connections->stop();
  EXPECT_EQ(sessions.open_now, 0);
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(hear(one), std::nullopt);
}

TEST_F(ConnectionsTest, a_person_has_so_many_and_no_more) {
  listen({.total = 10, .per_user = 1});
  auto first = connect(), second = connect();
  const auto refused = hear(second).value();
  EXPECT_EQ(std::get<wire::SessionRefused>(refused).code, wire::SessionRefusal::kNotNow);
  EXPECT_EQ(hear(second), std::nullopt);
  greet(first);
  EXPECT_TRUE(std::holds_alternative<wire::Welcome>(hear(first).value())) << "others go on";
  first.close();
  while (connections->count() > 0) {
    ASSERT_TRUE(connections->accept_waiting());
    std::this_thread::yield();
  }
  auto third = connect();
  greet(third);
  EXPECT_TRUE(std::holds_alternative<wire::Welcome>(hear(third).value()));
}

TEST_F(ConnectionsTest, the_host_has_so_many_and_no_more) {
  listen({.total = 2, .per_user = 10});
  auto one = connect(), two = connect(), three = connect();
  EXPECT_TRUE(std::holds_alternative<wire::SessionRefused>(hear(three).value()));
}

TEST_F(ConnectionsTest, who_talks_nonsense_is_told_of_and_gone) {
  listen({});
  auto one = connect();
  ASSERT_TRUE(one.send(as_bytes("nonsense")).value());
  EXPECT_TRUE(std::holds_alternative<wire::SessionRefused>(hear(one).value()));
  EXPECT_EQ(hear(one), std::nullopt);
  connections->stop();
  EXPECT_EQ(errors, 1);
}

}  // namespace
}  // namespace stele::agent
