// When a session is let begin, and what its record says of that.
#include <set>
#include <thread>

#include "agent/test_session_host.h"
#include "os/pty.h"

namespace stele::agent {
namespace {

using std::chrono::milliseconds;

class SessionOpeningTest : public SessionHostTest {
 protected:
  SessionOpeningTest() { policy.openings = &openings; }

  /// A session that is durable in the spool, and not more.
  std::unique_ptr<SessionHost> asked(os::Peer who = peer()) {
    auto all = host(std::move(who));
    EXPECT_TRUE(all->receive(*wire::encode(hello())));
    id = std::get<wire::Welcome>(reply(*all)).session;
    sessions.sessions.at(id).durable = 1;
    sessions.sessions.at(id).tell(1);
    return all;
  }
  std::unique_ptr<SessionHost> resumed() {
    auto all = host();
    EXPECT_TRUE(all->receive(wire::encode(wire::Resume{id, 2})));
    return all;
  }
  uint64_t taken(SessionHost& all) { return std::get<wire::Taken>(reply(all)).number; }
  /// What the record says once the recorder has said something.
  std::vector<event::Opening> recorded(SessionHost& all) {
    EXPECT_TRUE(all.receive(said(2)));
    return sessions.sessions.at(id).openings;
  }

  std::set<StreamId> at_server;
  Openings openings{[this](const StreamId& stream) { return at_server.contains(stream); }};
  StreamId id{};
};

TEST_F(SessionOpeningTest, waits_until_the_server_has_the_first_segment) {
  const auto all = asked();
  EXPECT_FALSE(all->next_reply());
  clock.now += milliseconds(18);
  openings.acknowledged(StreamId{99});
  EXPECT_FALSE(all->next_reply()) << "that was another session's";
  openings.acknowledged(id);
  EXPECT_EQ(taken(*all), 1U);
  EXPECT_EQ(recorded(*all), (std::vector{event::Opening{true, milliseconds(18)}}));
  ASSERT_TRUE(all->receive(said(3)));
  EXPECT_EQ(sessions.only().openings.size(), 1U) << "it is said once";
}

TEST_F(SessionOpeningTest, finds_an_answer_that_was_there_before) {
  at_server.insert(StreamId{1});
  EXPECT_EQ(taken(*asked()), 1U);
}

TEST_F(SessionOpeningTest, waits_no_longer_than_policy_says) {
  policy.terms.opening_wait_seconds = 3;
  const auto all = asked();
  clock.now += milliseconds(2'999);
  EXPECT_FALSE(all->next_reply());
  clock.now += milliseconds(1);
  EXPECT_EQ(taken(*all), 1U);
  EXPECT_EQ(recorded(*all), (std::vector{event::Opening{false, milliseconds(3'000)}}));
}

TEST_F(SessionOpeningTest, who_comes_after_one_that_waited_in_vain_does_not) {
  const auto first = asked();
  clock.now += milliseconds(600);
  const auto second = asked(peer(78));
  clock.now += milliseconds(400);
  EXPECT_EQ(taken(*first), 1U);
  EXPECT_FALSE(second->next_reply()) << "its own time is not over";
  const auto third = asked(peer(79));
  EXPECT_EQ(taken(*third), 1U);
  openings.set_reachable(true);  // it answered at last
  EXPECT_FALSE(asked(peer(80))->next_reply());
}

TEST_F(SessionOpeningTest, does_not_wait_for_a_server_that_is_away) {
  const auto first = asked();
  openings.set_reachable(false);
  EXPECT_EQ(taken(*first), 1U) << "it went away meanwhile";
  const auto second = asked(peer(78));
  EXPECT_EQ(taken(*second), 1U);
  EXPECT_EQ(recorded(*second), (std::vector{event::Opening{false, {}}}));
}

TEST_F(SessionOpeningTest, does_not_wait_where_policy_says_so) {
  policy.terms.opening_wait_seconds = 0;
  const auto all = asked();
  EXPECT_EQ(taken(*all), 1U);
  EXPECT_EQ(recorded(*all), (std::vector{event::Opening{false, {}}}));
}

TEST_F(SessionOpeningTest, that_was_not_waited_for_says_nothing_of_the_server) {
  policy.terms.opening_wait_seconds = 0;
  EXPECT_EQ(taken(*asked()), 1U);
  policy.terms.opening_wait_seconds = 1;
  EXPECT_FALSE(asked(peer(78))->next_reply());
}

TEST_F(SessionOpeningTest, is_nothing_where_there_is_no_server) {
  policy.openings = nullptr;
  const auto all = asked();
  EXPECT_EQ(taken(*all), 1U);
  EXPECT_TRUE(recorded(*all).empty());
}

TEST_F(SessionOpeningTest, never_lets_one_begin_that_is_not_durable_here) {
  const auto all = host();
  ASSERT_TRUE(all->receive(*wire::encode(hello())));
  (void)reply(*all);
  openings.acknowledged(StreamId{1});
  EXPECT_FALSE(all->next_reply());
  sessions.make_durable(1);
  EXPECT_EQ(taken(*all), 1U);
}

TEST_F(SessionOpeningTest, that_an_agent_did_not_live_to_see_is_waited_for_by_the_next) {
  asked().reset();
  const auto again = resumed();
  EXPECT_FALSE(again->next_reply()) << "its welcome would say that it may begin";
  openings.acknowledged(id);
  EXPECT_EQ(std::get<wire::Welcome>(reply(*again)).next, 2U);
  EXPECT_FALSE(again->next_reply());
  EXPECT_EQ(recorded(*again), (std::vector{event::Opening{true, {}}}));
}

TEST_F(SessionOpeningTest, of_one_that_runs_is_not_waited_for_again) {
  auto all = asked();
  openings.acknowledged(id);
  EXPECT_EQ(taken(*all), 1U);
  EXPECT_EQ(recorded(*all).size(), 1U);
  sessions.make_durable(2);
  all.reset();
  const auto again = resumed();
  EXPECT_EQ(std::get<wire::Welcome>(reply(*again)).next, 3U);
  ASSERT_TRUE(again->receive(said(3)));
  EXPECT_EQ(sessions.only().openings.size(), 1U);
}

TEST_F(SessionOpeningTest, of_one_that_comes_back_is_waited_for_ten_seconds_at_most) {
  policy.terms.opening_wait_seconds = 30;
  asked().reset();
  const auto again = resumed();
  clock.now += milliseconds(10'000);
  EXPECT_EQ(std::get<wire::Welcome>(reply(*again)).next, 2U);
}

TEST_F(SessionOpeningTest, that_a_recorder_gives_up_holds_nobody) {
  const auto all = asked();
  ASSERT_TRUE(all->receive(wire::encode(wire::Bye{1})));
  EXPECT_EQ(taken(*all), 1U);
  EXPECT_TRUE(sessions.only().openings.empty()) << "it was never let begin";
}

TEST_F(SessionOpeningTest, that_a_recorder_does_not_wait_for_is_said_when_it_is_known) {
  const auto all = asked();
  EXPECT_TRUE(recorded(*all).empty());
  EXPECT_FALSE(all->next_reply());
  openings.acknowledged(id);
  EXPECT_EQ(taken(*all), 1U);
  ASSERT_TRUE(all->receive(said(3)));
  EXPECT_EQ(sessions.only().openings.size(), 1U);
}

TEST_F(SessionOpeningTest, wakes_a_connection_that_waits_for_it) {
  policy.terms.opening_wait_seconds = 30;
  auto pair = os::packet_pair().value();
  const auto stop = os::Wake::make().value();
  os::SystemClock real;
  auto all = SessionHost::make(peer(), policy, sessions, real).value();
  std::thread serving([&] { (void)all->serve(std::move(pair.first), stop); });
  ASSERT_TRUE(*pair.second.send(*wire::encode(hello())));
  Bytes room(wire::kPacketBytesMax);
  const auto hear = [&] {
    os::Readiness set[] = {{.fd = pair.second.get(), .want_read = true}};
    os::wait_until_ready(set, std::nullopt);
    const auto got = pair.second.receive(room).value();
    return wire::parse_from_agent(ByteSpan(room).first(got.bytes)).value();
  };
  id = std::get<wire::Welcome>(hear()).session;
  sessions.make_durable(1);
  const BootTime before = real.boot();
  openings.acknowledged(id);
  EXPECT_EQ(std::get<wire::Taken>(hear()).number, 1U);
  EXPECT_LT(real.boot() - before, std::chrono::seconds(10));
  stop.wake();
  serving.join();
}

}  // namespace
}  // namespace stele::agent
