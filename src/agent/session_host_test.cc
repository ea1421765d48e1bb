#include "agent/session_host.h"

#include <random>
#include <thread>

#include "agent/test_session_host.h"
#include "sim/file_system.h"

namespace stele::agent {
namespace {

using event::Lane;
using wire::SessionRefusal;

TEST_F(SessionHostTest, opens_a_session_of_whom_the_kernel_says_it_is) {
  const auto it = host();
  ASSERT_TRUE(it->receive(*wire::encode(hello())));
  const auto welcome = std::get<wire::Welcome>(reply(*it));
  EXPECT_EQ(welcome.next, 2u);
  EXPECT_EQ(sessions.only().owner, (Owner{{77, 1234}, 1000}));
  EXPECT_EQ(sessions.only().start.uid, 1000u);
  EXPECT_EQ(sessions.only().start.tty, "/dev/pts/5");
  EXPECT_EQ(sessions.only().start.terminal, "vt100");
  EXPECT_EQ(sessions.only().start.argv, hello().argv);
  EXPECT_FALSE(it->next_reply());  // nothing is durable yet
  sessions.make_durable(1);
  EXPECT_EQ(std::get<wire::Taken>(reply(*it)).number, 1u);
}

TEST_F(SessionHostTest, hands_events_on_in_order_and_says_what_is_durable) {
  const auto it = host();
  begun(*it, 3, 1);
  ASSERT_TRUE(
      it->receive(*wire::encode_event(5, event::at(9), Lane::kFacts, event::Resize{{1, 2, 3, 4}})));
  EXPECT_EQ(sessions.only().events.size(), 4u);
  EXPECT_EQ(std::get<wire::Taken>(reply(*it)).number, 1u);
  sessions.make_durable(3);
  sessions.make_durable(4);
  EXPECT_EQ(std::get<wire::Taken>(reply(*it)).number, 4u);  // only the newest
  EXPECT_FALSE(it->next_reply());
}

TEST_F(SessionHostTest, closes_what_says_bye_after_its_end) {
  const auto it = host();
  begun(*it, 1, 1);
  ASSERT_TRUE(it->receive(end_of(3)));
  EXPECT_FALSE(it->is_closed());
  ASSERT_TRUE(it->receive(wire::encode(wire::Bye{3})));
  EXPECT_TRUE(it->is_closed());
  EXPECT_EQ(std::get<wire::Taken>(reply(*it)).number, 3u);
}

TEST_F(SessionHostTest, takes_nothing_but_bye_after_the_end) {
  const auto it = host();
  begun(*it, 0, 1);
  ASSERT_TRUE(it->receive(end_of(2)));
  EXPECT_FALSE(it->receive(said(3)));
  EXPECT_EQ(refusal(*it), SessionRefusal::kMalformed);
  EXPECT_FALSE(it->receive(wire::encode(wire::Bye{2})));
}

TEST_F(SessionHostTest, goes_on_with_a_session_from_what_is_durable) {
  const StreamId id = begun(*host(), 5, 4);
  const auto again = host();
  ASSERT_TRUE(again->receive(wire::encode(wire::Resume{id, 3})));
  EXPECT_EQ(std::get<wire::Welcome>(reply(*again)).next, 5u);
  EXPECT_FALSE(again->receive(said(6)));
  EXPECT_EQ(refusal(*again), SessionRefusal::kHole);
  const auto third = host();
  ASSERT_FALSE(third->receive(wire::encode(wire::Resume{id, 3})));  // the second still holds it
  EXPECT_EQ(refusal(*third), SessionRefusal::kNotNow);
}

TEST_F(SessionHostTest, knows_a_session_that_is_closed) {
  auto first = host();
  const StreamId id = begun(*first, 0, 1);
  ASSERT_TRUE(first->receive(end_of(2)));
  ASSERT_TRUE(first->receive(wire::encode(wire::Bye{2})));
  first.reset();
  const auto again = host();
  ASSERT_TRUE(again->receive(wire::encode(wire::Resume{id, 2})));
  EXPECT_EQ(std::get<wire::Welcome>(reply(*again)).next, 3u);
  EXPECT_TRUE(again->receive(wire::encode(wire::Bye{2})));
  const auto liar = host();
  ASSERT_TRUE(liar->receive(wire::encode(wire::Resume{id, 2})));
  EXPECT_FALSE(liar->receive(said(3)));
}

TEST_F(SessionHostTest, lets_nobody_else_go_on_with_a_session) {
  const StreamId id = begun(*host(), 2, 3);
  auto same_pid_later = peer();
  same_pid_later.process.started = 9999;
  auto other_user = peer();
  other_user.uid = 1001;
  for (auto* who : {&same_pid_later, &other_user}) {
    const auto thief = host(std::move(*who));
    EXPECT_FALSE(thief->receive(wire::encode(wire::Resume{id, 2})));
    EXPECT_EQ(refusal(*thief), SessionRefusal::kNotYours);
  }
  const auto thief = host(peer(78));
  EXPECT_FALSE(thief->receive(wire::encode(wire::Resume{id, 2})));
  EXPECT_EQ(refusal(*thief), SessionRefusal::kNotYours);
}

TEST_F(SessionHostTest, refuses_a_resume_that_leaves_a_hole_or_of_nothing) {
  const StreamId id = begun(*host(), 5, 3);
  const auto hole = host();
  EXPECT_FALSE(hole->receive(wire::encode(wire::Resume{id, 5})));
  EXPECT_EQ(refusal(*hole), SessionRefusal::kHole);
  const auto nothing = host();
  EXPECT_FALSE(nothing->receive(wire::encode(wire::Resume{StreamId{9}, 2})));
  EXPECT_EQ(refusal(*nothing), SessionRefusal::kUnknownSession);
  const auto right = host();
  EXPECT_TRUE(right->receive(wire::encode(wire::Resume{id, 4})));
}

TEST_F(SessionHostTest, refuses_what_is_out_of_its_number) {
  for (const uint64_t number : {2, 3, 5, 1'000'000}) {
    auto it = host();
    begun(*it, 2, 1);
    EXPECT_FALSE(it->receive(said(number)));
    EXPECT_EQ(refusal(*it), SessionRefusal::kHole) << number;
    EXPECT_FALSE(it->receive(said(4)));
    it.reset();
    sessions.sessions.clear();
  }
}

TEST_F(SessionHostTest, refuses_what_has_yet_to_happen) {
  const auto it = host();
  begun(*it, 0, 1);
  const auto later = clock.boot() + Micros(1);
  EXPECT_FALSE(it->receive(wire::encode_content(2, later, Lane::kOutput, as_bytes("x"))));
}

TEST_F(SessionHostTest, tells_why_it_can_not_be_recorded) {
  const auto it = host();
  begun(*it, 1, 1);
  sessions.full = true;
  EXPECT_FALSE(it->receive(said(3)));
  EXPECT_EQ(refusal(*it), SessionRefusal::kNotNow) << "there may be room later";
  const auto late = host();
  EXPECT_FALSE(late->receive(*wire::encode(hello())));
  EXPECT_EQ(refusal(*late), SessionRefusal::kFailed);
}

TEST_F(SessionHostTest, wants_hello_first_and_once) {
  for (const Bytes& packet : {said(2), wire::encode(wire::Bye{1}), Bytes{}, Bytes{200, 1, 2}}) {
    const auto it = host();
    EXPECT_FALSE(it->receive(packet));
    EXPECT_TRUE(it->next_reply());
    EXPECT_FALSE(it->next_reply());
  }
  const auto it = host();
  begun(*it, 0, 1);
  EXPECT_FALSE(it->receive(*wire::encode(hello())));
}

TEST_F(SessionHostTest, sudos_words_are_a_process_of_roots_to_say) {
  const Bytes words = *wire::encode_event(2, event::at(5), event::Lane::kFacts, event::full_sudo());
  auto it = host();
  begun(*it, 0, 1);
  EXPECT_FALSE(it->receive(words));
  os::Peer sudo = peer(78);
  sudo.euid = 0;
  auto roots = host(std::move(sudo));
  EXPECT_TRUE(roots->receive(*wire::encode(hello())));
  EXPECT_TRUE(roots->receive(words));
}

TEST_F(SessionHostTest, survives_anything_a_recorder_says) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 2000; ++round) {
    auto it = host();
    std::vector<Bytes> script = {*wire::encode(hello()), said(2), end_of(3),
                                 wire::encode(wire::Bye{3})};
    Bytes& packet = script[random() % script.size()];
    packet[random() % packet.size()] ^= static_cast<uint8_t>(1U << random() % 8);
    bool ok = true;
    for (const Bytes& each : script) {
      const bool took = it->receive(each).has_value();
      EXPECT_TRUE(ok || !took);  // after an error, nothing
      ok = took;
    }
    while (it->next_reply()) {
    }
    it.reset();
    sessions.sessions.clear();
  }
}

TEST_F(SessionHostTest, serves_a_connection_until_it_is_over) {
  auto [ours, theirs] = *os::packet_pair();
  const os::Wake stop = *os::Wake::make();
  const auto it = host();
  for (const Bytes& packet :
       {*wire::encode(hello()), said(2), end_of(3), wire::encode(wire::Bye{3})}) {
    ASSERT_TRUE(*theirs.send(packet));
  }
  std::thread serving(
      [&, socket = std::move(ours)]() mutable { EXPECT_TRUE(it->serve(std::move(socket), stop)); });
  Bytes room(wire::kPacketBytesMax);
  uint64_t taken = 0;
  while (taken < 3) {
    const auto got = *theirs.receive(room);
    if (got.is_blocked) continue;
    const auto message = *wire::parse_from_agent(ByteSpan(room).first(got.bytes));
    if (const auto* said = std::get_if<wire::Taken>(&message)) taken = said->number;
  }
  theirs.close();
  serving.join();
  EXPECT_TRUE(it->is_closed());
}

TEST_F(SessionHostTest, serving_stops_when_the_recorder_goes_or_the_agent_does) {
  auto [ours, theirs] = *os::packet_pair();
  const os::Wake stop = *os::Wake::make();
  ASSERT_TRUE(*theirs.send(*wire::encode(hello())));
  theirs.close();
  EXPECT_EQ(host()->serve(std::move(ours), stop).error().code, Code::kNotFound);
  auto [mine, yours] = *os::packet_pair();
  stop.wake();
  EXPECT_TRUE(host()->serve(std::move(mine), stop));
}

TEST_F(SessionHostTest, notes_who_arrived_from_root_and_from_nobody_else) {
  sim::Disk disk;
  sim::SimFileSystem files(disk);
  Arrivals arrivals(files, "/run/arrivals");
  ASSERT_TRUE(arrivals.begin());
  wire::Arrived arrived;
  arrived.service = "login";
  const Bytes packet = *wire::encode(arrived);
  const auto without = host();
  EXPECT_FALSE(without->receive(packet)) << "here nothing is kept of it";
  policy.arrivals = &arrivals;
  const auto user = host();
  EXPECT_FALSE(user->receive(packet));
  EXPECT_EQ(refusal(*user), SessionRefusal::kPolicy);
  auto roots = peer();
  roots.euid = 0;
  const auto root = host(std::move(roots));
  ASSERT_TRUE(root->receive(packet));
  EXPECT_TRUE(std::holds_alternative<wire::Noted>(reply(*root)));
  EXPECT_TRUE(root->is_closed());
  EXPECT_EQ(arrivals.count(), 1U);
  EXPECT_FALSE(root->receive(packet)) << "one message is all";
  roots = peer();
  roots.euid = 0;
  const auto again = host(std::move(roots));
  ASSERT_TRUE(again->receive(wire::encode(wire::Left{})));
  EXPECT_EQ(arrivals.count(), 0U);
}

TEST_F(SessionHostTest, a_login_that_policy_leaves_out_is_no_finding) {
  sim::Disk disk;
  sim::SimFileSystem files(disk);
  const auto pair = os::packet_pair().value();
  os::Peer teller = os::peer_of(pair.first.get()).value();
  teller.euid = 0;
  const os::Ancestor door{teller.process, "sshd", "/usr/sbin/sshd", 0, 0};
  Arrivals arrivals(files, "/run/arrivals", [&](uint32_t) { return std::vector{door}; });
  ASSERT_TRUE(arrivals.begin());
  wire::Arrived arrived;
  arrived.service = "sshd";
  ASSERT_TRUE(arrivals.come(teller, arrived));
  policy.arrivals = &arrivals;
  policy.terms.is_recorded = false;
  ASSERT_TRUE(host()->receive(*wire::encode(hello())));
  (void)arrivals.step(clock.now);
  EXPECT_TRUE(arrivals.step(clock.now + Arrivals::kPatience).empty());
}

}  // namespace
}  // namespace stele::agent
