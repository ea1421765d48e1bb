// Who a session is of, in its record: the agent's word, and nobody else's.
#include "agent/nested_sessions.h"
#include "agent/test_session_host.h"

namespace stele::agent {
namespace {

class SessionPersonTest : public SessionHostTest {
 protected:
  void have(std::string_view text) {
    auto rules = std::make_shared<PeopleRules>();
    rules->roles = *parse_roles(text, "roles.toml");
    policy.people = rules;
  }
};

TEST_F(SessionPersonTest, is_said_once_after_the_terms) {
  have("version = 3\n[people.ada]\nusers = [\"1000\"]\nroles = [\"dba\"]");
  auto all = host();
  begun(*all, 2, 1);
  ASSERT_EQ(sessions.only().people.size(), 1U);
  EXPECT_EQ(sessions.only().people[0].name, "ada");
  EXPECT_EQ(sessions.only().people[0].roles, std::vector<std::string>{"dba"});
  EXPECT_TRUE(sessions.only().notes.empty());
}

TEST_F(SessionPersonTest, is_not_said_where_there_are_no_roles) {
  auto all = host();
  begun(*all, 2, 1);
  EXPECT_TRUE(sessions.only().people.empty());
}

TEST_F(SessionPersonTest, that_nobody_knows_is_a_finding_here_and_in_the_journal) {
  have("version = 3\nshared = [\"1000\"]");
  auto all = host();
  begun(*all, 1, 1);
  EXPECT_EQ(sessions.only().people.at(0).name, "");
  EXPECT_EQ(sessions.only().notes.at(0).rule, "shared-account");
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].what, Notice::What::kShared);
}

TEST_F(SessionPersonTest, that_nothing_else_tells_is_who_the_session_around_is_of) {
  have("version = 3\nshared = [\"1000\"]");
  policy.person_around = [](uint32_t) {
    return event::Person{"ada", {"dba"}, "ada", "certificate", event::Known::kSignature, 2, {}};
  };
  std::optional<event::Person> known;
  policy.know = [&](const os::ProcessKey&, const event::Person& person) { known = person; };
  auto all = host();
  begun(*all, 1, 1);
  const event::Person& person = sessions.only().people.at(0);
  EXPECT_EQ(person.name, "ada");
  EXPECT_EQ(person.through, "parent");
  EXPECT_EQ(person.by, event::Known::kSignature);
  EXPECT_EQ(person.version, 2U);
  EXPECT_EQ(known, person);
  EXPECT_TRUE(sessions.only().notes.empty());
}

TEST_F(SessionPersonTest, is_said_when_the_agent_died_before_anything_was) {
  have("version = 3\n[people.ada]\nusers = [\"1000\"]");
  auto first = host();
  const StreamId id = begun(*first, 0, 1);
  first.reset();
  auto second = host();
  ASSERT_TRUE(second->receive(wire::encode(wire::Resume{id, 2})));
  EXPECT_TRUE(sessions.only().people.empty());
  ASSERT_TRUE(second->receive(said(2)));
  EXPECT_EQ(sessions.only().people.size(), 1U);
  sessions.make_durable(2);
  second.reset();
  auto third = host();
  ASSERT_TRUE(third->receive(wire::encode(wire::Resume{id, 3})));
  ASSERT_TRUE(third->receive(said(3)));
  EXPECT_EQ(sessions.only().people.size(), 1U);
}

TEST_F(SessionPersonTest, is_not_a_recorders_to_say) {
  auto all = host();
  begun(*all, 0, 1);
  const auto packet = wire::encode_event(2, event::at(5), event::Lane::kFacts,
                                         event::Person{"grace", {}, "", "", {}, 0, {}});
  EXPECT_FALSE(all->receive(*packet));
  EXPECT_EQ(refusal(*all), wire::SessionRefusal::kMalformed);
}

TEST_F(SessionPersonTest, comes_from_what_was_claimed_only_as_a_claim) {
  wire::Hello claims = hello();
  claims.connection = "192.0.2.7 52014 192.0.2.1 22";
  claims.invoker = "grace";
  auto all = host(peer(1));  // that nobody let in
  ASSERT_TRUE(all->receive(*wire::encode(claims)));
  const event::Start& start = sessions.only().start;
  EXPECT_EQ(start.from, "192.0.2.7 52014");
  EXPECT_EQ(start.known.at("from"), event::Known::kEnvironment);
  EXPECT_EQ(start.invoker_name, "grace");
  EXPECT_EQ(start.invoker, std::nullopt);
  EXPECT_EQ(start.known.at("invoker_name"), event::Known::kEnvironment);
  EXPECT_EQ(start.known.at("uid"), event::Known::kKernel);
}

class NestedTest : public testing::Test {
 protected:
  StreamId begin(NestedSessions& nested, const os::ProcessKey& process, const std::string& claim) {
    event::Start start;
    start.parent_session = claim;
    return nested.open({process, 0}, {}, 0, start, [](uint64_t) {})->id;
  }
  MemorySessions sessions;
};

TEST_F(NestedTest, sessions_are_in_the_one_whose_recorder_they_descend_from) {
  const os::ProcessKey outer = {77, 1}, inner = {99, 5};
  os::ProcessKey seen = outer;
  NestedSessions nested(sessions, [&](uint32_t pid) {
    if (pid != inner.pid) return std::vector<os::Ancestor>();
    return std::vector<os::Ancestor>{{{98, 4}, "bash", "", 0, 0},
                                     {seen, "stele-recorder", "", 0, 0}};
  });
  const StreamId first = begin(nested, outer, "");
  EXPECT_EQ(nested.person_around(inner.pid), std::nullopt);
  const event::Person ada{"ada", {}, "", "user", event::Known::kKernel, 1, {}};
  nested.know(outer, ada);
  EXPECT_EQ(nested.person_around(inner.pid), ada);
  const std::string lie = "0197a3b2-0000-7000-8000-000000000000";
  const event::Start& second = sessions.sessions.at(begin(nested, inner, lie)).start;
  EXPECT_EQ(second.parent_session, to_string(first)) << "whatever it claims";
  EXPECT_EQ(second.known.at("parent"), event::Known::kKernel);
  seen.started = 2;  // another process, that got its pid
  const event::Start& third = sessions.sessions.at(begin(nested, {99, 5}, lie)).start;
  EXPECT_EQ(third.parent_session, lie);
  EXPECT_FALSE(third.known.contains("parent"));
}

}  // namespace
}  // namespace stele::agent
