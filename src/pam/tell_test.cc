#include "pam/tell.h"

#include <gtest/gtest.h>

#include <thread>

#include "os/clock.h"
#include "os/pty.h"
#include "os/unix_socket.h"
#include "wire/session.h"

namespace stele::pam {
namespace {

class TellTest : public testing::Test {
 protected:
  /// An agent that gives each of these answers to one message; empty: it goes away without one.
  std::thread agent(std::vector<Bytes> answers) {
    listener.emplace(os::PacketListener::listen(options.socket, 0600).value());
    return std::thread([this, answers = std::move(answers)] {
      for (const Bytes& answer : answers) serve(answer);
    });
  }
  void serve(const Bytes& answer) {
    wait(listener->get());
    auto socket = listener->accept().value();
    Bytes room(wire::kPacketBytesMax);
    wait(socket.get());
    const auto got = socket.receive(room).value();
    heard = Bytes(room.begin(), room.begin() + static_cast<ptrdiff_t>(got.bytes));
    if (!answer.empty()) {
      EXPECT_TRUE(*socket.send(answer));
    }
  }
  static void wait(int fd) {
    os::Readiness set[] = {{.fd = fd, .want_read = true}};
    os::wait_until_ready(set, std::nullopt);
  }

  os::SystemClock clock;
  const Bytes message = wire::encode(wire::Left{});
  const Bytes noted = wire::encode(wire::Noted{});
  Options options{.socket = testing::TempDir() + "pam-tell.sock", .wait = std::chrono::seconds(30)};
  std::optional<os::PacketListener> listener;
  Bytes heard;
};

TEST_F(TellTest, is_done_when_the_agent_noted_it) {
  auto serving = agent({noted});
  EXPECT_TRUE(tell(options, message, clock));
  serving.join();
  EXPECT_EQ(heard, message);
}

TEST_F(TellTest, asks_again_while_it_may_be_noted_yet) {
  auto serving =
      agent({wire::encode(wire::SessionRefused{wire::SessionRefusal::kNotNow, "full"}), {}, noted});
  EXPECT_TRUE(tell(options, message, clock));
  serving.join();
}

TEST_F(TellTest, is_over_when_it_is_refused) {
  auto serving = agent({wire::encode(wire::SessionRefused{wire::SessionRefusal::kPolicy, "no"})});
  const Status told = tell(options, message, clock);
  serving.join();
  EXPECT_EQ(told.error().code, Code::kPermission);
  EXPECT_EQ(told.error().context, "the agent refused it: no");
}

TEST_F(TellTest, waits_for_nobody_longer_than_it_says) {
  options.wait = std::chrono::milliseconds(60);
  options.socket += "-none";
  const BootTime begun = clock.boot();
  EXPECT_FALSE(tell(options, message, clock));
  listener.emplace(os::PacketListener::listen(options.socket, 0600).value());  // who never answers
  EXPECT_EQ(tell(options, message, clock).error().code, Code::kOutcomeUnknown);
  EXPECT_LT(clock.boot() - begun, std::chrono::seconds(20));
}

TEST(PamOptions, are_few) {
  const auto parse = [](std::vector<const char*> words) {
    return parse_options(static_cast<int>(words.size()), words.data());
  };
  EXPECT_EQ(parse({})->socket, kAgentSocket);
  EXPECT_EQ(parse({"socket=/run/x", "wait=60"})->socket, "/run/x");
  EXPECT_EQ(parse({"wait=60"})->wait, std::chrono::seconds(60));
  for (const char* wrong :
       {"wait=0", "wait=61", "wait=", "wait=2s", "socket=x", "socket=", "debug"})
    EXPECT_FALSE(parse({wrong})) << wrong;
}

}  // namespace
}  // namespace stele::pam
