// What policy does to a session: terms, banners, broken glass, quotas.
#include <future>
#include <thread>

#include "agent/test_session_host.h"

namespace stele::agent {
namespace {

using event::Lane;
using wire::SessionRefusal;

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

TEST_F(SessionHostTest, is_slowed_by_lines_as_by_what_they_are_read_off) {
  os::SystemClock real;
  Quotas quotas(real);
  policy.meter = quotas.meter("r", 1000, {.session = {1'000'000, 0}, .person = {}, .host = {}});
  (void)policy.meter->take(999'999);
  const auto it = host();
  ASSERT_TRUE(it->receive(*wire::encode(hello())));
  const event::Line line{std::string(event::kLineBytesMax, 'x'), "$"};
  ASSERT_TRUE(it->receive(*wire::encode_event(2, event::at(5), Lane::kInput, line)));
  ASSERT_EQ(sessions.only().notes.size(), 1U);
  EXPECT_EQ(sessions.only().notes[0].rule, "slowed");
}

TEST_F(SessionHostTest, takes_a_line_in_the_lane_that_its_terms_say_and_no_other) {
  for (const bool in_facts : {false, true}) {
    policy.terms.lines_in_facts = in_facts;
    for (const Lane lane : {Lane::kFacts, Lane::kInput}) {
      const auto it = host();
      ASSERT_TRUE(it->receive(*wire::encode(hello())));
      const auto said = wire::encode_event(2, event::at(5), lane, event::Line{"id", "$"});
      EXPECT_EQ(it->receive(*said).has_value(), in_facts == (lane == Lane::kFacts));
    }
  }
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
  peer.euid = 1000;
  peer.egid = 1000;
  Policy policy;
  policy.recorder_group = 4242;
  EXPECT_EQ(decide(policy, peer, {}).error().code, Code::kPermission);
  peer.egid = 4242;
  EXPECT_TRUE(decide(policy, peer, {}));
  peer.egid = 1000;
  peer.euid = 0;
  EXPECT_TRUE(decide(policy, peer, {})) << "sudo itself, whoever asked it";
  policy.refusal = "not on this host";
  EXPECT_EQ(decide(policy, peer, {}).error().context, "not on this host");
}

}  // namespace
}  // namespace stele::agent
