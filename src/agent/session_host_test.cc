#include "agent/session_host.h"

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <random>
#include <thread>

#include "event/test_events.h"
#include "os/clock.h"

namespace stele::agent {
namespace {

using event::Lane;
using wire::SessionRefusal;

class TestClock : public Clock {
 public:
  WallTime wall() override { return {}; }
  BootTime boot() override { return event::at(1'000'000); }
};

/// Sessions in memory: what was taken in, and what of it is "durable" when the test says so.
class MemorySessions : public Sessions {
 public:
  struct Session {
    Owner owner;
    wire::Terms terms;
    event::Start start;
    std::vector<event::Event> events;
    std::vector<event::Finding> notes;
    uint64_t durable = 0;
    bool closed = false, held = false;
    Durable tell;
  };

  class Sink : public SessionSink {
   public:
    Sink(MemorySessions& all, Session& session) : all_(all), session_(session) {
      session_.held = true;
    }
    ~Sink() override { session_.held = false; }
    Status output(BootTime at, ByteSpan bytes) override {
      return event(at, Lane::kOutput, event::Output{Bytes(bytes.begin(), bytes.end())});
    }
    Status input(BootTime at, ByteSpan bytes) override {
      return event(at, Lane::kInput, event::Input{Bytes(bytes.begin(), bytes.end())});
    }
    Status event(BootTime at, Lane lane, const event::Body& body) override {
      if (all_.full) return fail(Code::kNoSpace, "no space");
      session_.events.push_back({lane, at, body});
      return {};
    }
    Status note(BootTime, const event::Body& body) override {
      session_.notes.push_back(std::get<event::Finding>(body));
      return {};
    }
    void passed_on() override {}
    Status close() override {
      session_.closed = true;
      session_.durable = session_.events.size() + 1;
      session_.tell(session_.durable);
      return {};
    }

   private:
    MemorySessions& all_;
    Session& session_;
  };

  Result<Opened> open(const Owner& owner, const wire::Terms& terms, const event::Start& start,
                      Durable durable) override {
    if (full) return fail(Code::kNoSpace, "no space");
    StreamId id{};
    id[0] = static_cast<uint8_t>(sessions.size() + 1);
    Session& session = sessions[id];
    session.owner = owner;
    session.terms = terms;
    session.start = start;
    session.tell = std::move(durable);
    return Opened{id, std::make_unique<Sink>(*this, session)};
  }
  Result<Known> find(const StreamId& id) override {
    const auto found = sessions.find(id);
    if (found == sessions.end() || found->second.durable == 0)
      return fail(Code::kNotFound, "no such session");
    return Known{found->second.owner, found->second.terms};
  }
  Result<Resumed> resume(const StreamId& id, uint64_t durable_min, Durable durable) override {
    Session& session = sessions.at(id);
    if (session.held) return fail(Code::kBusy, "not over");
    if (session.durable < durable_min) return fail(Code::kConflict, "messages are missing");
    if (session.closed) return Resumed{session.durable, nullptr};
    session.events.resize(session.durable - 1);
    session.tell = std::move(durable);
    return Resumed{session.durable, std::make_unique<Sink>(*this, session)};
  }

  Session& only() { return sessions.begin()->second; }
  void make_durable(uint64_t n) {
    only().durable = n;
    only().tell(n);
  }

  bool full = false;
  std::map<StreamId, Session> sessions;
};

class SessionHostTest : public testing::Test {
 protected:
  static os::Peer peer(uint32_t pid = 77) {
    os::Peer peer;
    peer.process = {pid, 1234};
    peer.uid = peer.euid = 1000;
    peer.gid = 1000;
    peer.egid = 4242;
    peer.tty = "/dev/pts/5";
    return peer;
  }
  std::unique_ptr<SessionHost> host(os::Peer who = peer()) {
    return *SessionHost::make(std::move(who), policy, sessions, clock);
  }
  static wire::Hello hello() {
    wire::Hello hello;
    hello.argv = {"bash"};
    hello.terminal = "vt100";
    return hello;
  }
  static Bytes said(uint64_t number, std::string_view text = "x") {
    return wire::encode_content(number, event::at(5), Lane::kOutput, as_bytes(text));
  }
  static Bytes end_of(uint64_t number) {
    return *wire::encode_event(number, event::at(6), Lane::kFacts, event::End{});
  }
  static wire::FromAgent reply(SessionHost& host) {
    const auto packet = host.next_reply();
    EXPECT_TRUE(packet);
    return packet ? *wire::parse_from_agent(*packet) : wire::FromAgent{};
  }
  static SessionRefusal refusal(SessionHost& host) {
    const auto message = reply(host);
    const auto* refused = std::get_if<wire::SessionRefused>(&message);
    EXPECT_TRUE(refused);
    return refused ? refused->code : SessionRefusal{};
  }
  /// A session in which `count` events were said and `durable` messages are.
  StreamId begun(SessionHost& host, uint64_t count, uint64_t durable) {
    EXPECT_TRUE(host.receive(*wire::encode(hello())));
    const auto welcome = std::get<wire::Welcome>(reply(host));
    for (uint64_t i = 0; i < count; ++i) EXPECT_TRUE(host.receive(said(2 + i)));
    sessions.make_durable(durable);
    return welcome.session;
  }

  std::vector<Notice> notices;
  Policy policy = [this] {
    Policy made;
    made.tell = [this](const Notice& notice) { notices.push_back(notice); };
    return made;
  }();
  MemorySessions sessions;
  TestClock clock;
};

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

TEST_F(SessionHostTest, keeps_no_lane_that_policy_leaves_out) {
  policy.terms.input = event::InputPolicy::kNone;
  const auto it = host();
  ASSERT_TRUE(it->receive(*wire::encode(hello())));
  const auto terms = std::get<wire::Welcome>(reply(*it)).terms;
  EXPECT_EQ(terms.input_policy, event::InputPolicy::kNone);
  EXPECT_FALSE(terms.lanes.input);
  EXPECT_FALSE(it->receive(wire::encode_content(2, event::at(1), Lane::kInput, as_bytes("x"))));
  EXPECT_EQ(refusal(*it), SessionRefusal::kPolicy);
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

TEST_F(SessionHostTest, keeps_the_facts_of_its_terms_as_it_gave_them) {
  policy.terms.rule = 2;
  policy.terms.rule_name = "operators";
  policy.terms.banner = "recorded";
  policy.version = 5;
  policy.hash = Hash{7};
  const auto terms_of = [&](uint64_t number, const event::Terms& facts) {
    return *wire::encode_event(number, event::at(5), Lane::kFacts, facts);
  };
  auto it = host();
  ASSERT_TRUE(it->receive(*wire::encode(hello())));
  const auto welcome = std::get<wire::Welcome>(reply(*it));
  EXPECT_EQ(welcome.terms.banner, "recorded");
  EXPECT_EQ(welcome.terms.policy_version, 5U);
  const event::Terms facts = wire::facts_of(welcome.terms);
  ASSERT_TRUE(it->receive(terms_of(2, facts)));
  EXPECT_EQ(sessions.only().events.at(0).body, event::Body(facts));
  EXPECT_FALSE(it->receive(terms_of(3, facts))) << "once";
  it.reset();
  sessions.sessions.clear();
  const auto liar = host();
  ASSERT_TRUE(liar->receive(*wire::encode(hello())));
  (void)reply(*liar);
  event::Terms others = facts;
  others.rule = 1;
  EXPECT_FALSE(liar->receive(terms_of(2, others)));
  EXPECT_EQ(refusal(*liar), SessionRefusal::kMalformed);
}

TEST_F(SessionHostTest, leaves_out_who_policy_leaves_out_and_says_so) {
  policy.terms.is_recorded = false;
  policy.terms.rule = 3;
  policy.terms.rule_name = "backups";
  policy.terms.banner = "not recorded";
  const auto it = host();
  ASSERT_TRUE(it->receive(*wire::encode(hello())));
  EXPECT_EQ(std::get<wire::Unrecorded>(reply(*it)).banner, "not recorded");
  EXPECT_FALSE(it->next_reply());
  EXPECT_TRUE(it->is_closed());
  EXPECT_TRUE(sessions.sessions.empty());
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].what, Notice::What::kLeftOut);
  EXPECT_EQ(notices[0].text, "uid 1000, pid 77: not recorded: rule 3 (backups)");
  EXPECT_FALSE(it->receive(said(2))) << "nothing is taken from it";
}

TEST_F(SessionHostTest, lets_the_glass_be_broken_where_a_rule_allows_it) {
  wire::Hello help = hello();
  help.break_glass = "disk\x1b[2J full\nnow \xc2\x9b";
  const auto stranger = host();
  EXPECT_FALSE(stranger->receive(*wire::encode(help)));
  EXPECT_EQ(refusal(*stranger), SessionRefusal::kPolicy);
  EXPECT_TRUE(notices.empty());

  policy.terms.allows_break_glass = true;
  const auto it = host();
  ASSERT_TRUE(it->receive(*wire::encode(help)));
  const wire::Terms terms = std::get<wire::Welcome>(reply(*it)).terms;
  EXPECT_TRUE(terms.open) << "a full reserve does not end it";
  EXPECT_EQ(terms.patience_ms, kBreakGlassPatienceMs);
  EXPECT_EQ(terms.break_glass, "disk [2J full now   ") << "in the person's words, in one line";
  EXPECT_EQ(sessions.only().terms, terms);
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].what, Notice::What::kBreakGlass);
  EXPECT_TRUE(sessions.only().notes.empty()) << "behind the session's terms";
  ASSERT_TRUE(
      it->receive(*wire::encode_event(2, event::at(5), Lane::kFacts, wire::facts_of(terms))));
  ASSERT_EQ(sessions.only().notes.size(), 1U);
  EXPECT_EQ(sessions.only().notes[0].rule, "break-glass");
  EXPECT_EQ(sessions.only().notes[0].what, terms.break_glass);

  sessions.full = true;
  const auto late = host();
  EXPECT_TRUE(late->receive(*wire::encode(help)));
  EXPECT_TRUE(std::holds_alternative<wire::Unrecorded>(reply(*late)));
  EXPECT_EQ(notices.back().what, Notice::What::kBreakGlassLeftOut);
}

TEST_F(SessionHostTest, takes_all_of_a_recorder_that_is_slowed_and_says_so_once) {
  os::SystemClock real;
  Quotas quotas(real);
  policy.meter = quotas.meter("r", 1000, {.session = {1'000'000, 0}, .person = {}, .host = {}});
  (void)policy.meter->take(999'999);
  auto [ours, theirs] = *os::packet_pair();
  const os::Wake stop = *os::Wake::make();
  const std::string text(10'000, 'x');
  ASSERT_TRUE(*theirs.send(*wire::encode(hello())));
  for (uint64_t number = 2; number < 8; ++number) ASSERT_TRUE(*theirs.send(said(number, text)));
  theirs.close();  // dead; what it showed is in the socket
  const auto it = *SessionHost::make(peer(), policy, sessions, real);
  EXPECT_EQ(it->serve(std::move(ours), stop).error().code, Code::kNotFound);
  EXPECT_EQ(sessions.only().events.size(), 6U) << "slowed, not dropped";
  ASSERT_EQ(sessions.only().notes.size(), 1U);
  EXPECT_EQ(sessions.only().notes[0].rule, "slowed");
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].what, Notice::What::kSlowed);
}

TEST_F(SessionHostTest, leaves_the_next_message_with_a_recorder_that_is_slowed) {
  os::SystemClock real;
  Quotas quotas(real);
  const policy::Quotas limits{.session = {}, .person = {1024, 0}, .host = {}};
  (void)quotas.meter("r", 1000, limits)->take(size_t{100} * 1024);  // another session of theirs
  policy.meter = quotas.meter("r", 1000, limits);
  std::promise<void> slowed;
  policy.tell = [&](const Notice&) { slowed.set_value(); };
  auto [ours, theirs] = *os::packet_pair();
  const os::Wake stop = *os::Wake::make();
  ASSERT_TRUE(*theirs.send(*wire::encode(hello())));
  for (uint64_t number = 2; number < 5; ++number) ASSERT_TRUE(*theirs.send(said(number)));
  const auto it = *SessionHost::make(peer(), policy, sessions, real);
  std::thread serving(
      [&, socket = std::move(ours)]() mutable { EXPECT_TRUE(it->serve(std::move(socket), stop)); });
  slowed.get_future().wait();
  stop.wake();
  serving.join();
  EXPECT_EQ(sessions.only().events.size(), 1U);
}

TEST(Decision, lets_a_wish_only_tighten) {
  using enum event::InputPolicy;
  const os::Peer peer;
  Policy policy;
  const auto decided = [&](event::InputPolicy rule, event::InputPolicy wish) {
    policy.terms.input = rule;
    wire::Hello hello;
    hello.input_policy = wish;
    return *decide(policy, peer, hello);
  };
  EXPECT_EQ(decided(kRedact, kNone).input_policy, kNone);
  EXPECT_FALSE(decided(kRedact, kNone).lanes.input);
  EXPECT_EQ(decided(kRedact, kAll).input_policy, kRedact);
  EXPECT_EQ(decided(kAll, kRedact).input_policy, kRedact);
  EXPECT_EQ(decided(kNone, kAll).input_policy, kNone);
  policy.terms.is_input_fixed = true;
  EXPECT_EQ(decided(kAll, kNone).input_policy, kAll);
}

TEST(Decision, is_no_for_what_is_not_the_recorder_or_not_allowed) {
  os::Peer peer;
  peer.egid = 1000;
  Policy policy;
  policy.recorder_group = 4242;
  EXPECT_EQ(decide(policy, peer, {}).error().code, Code::kPermission);
  peer.egid = 4242;
  EXPECT_TRUE(decide(policy, peer, {}));
  policy.refusal = "not on this host";
  EXPECT_EQ(decide(policy, peer, {}).error().context, "not on this host");
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

}  // namespace
}  // namespace stele::agent
