#include "agent/quota.h"
#include "agent/test_sudo_host.h"

namespace stele::agent {
namespace {

TEST_F(SudoHostTest, OnlyWhatIsDurableIsCommitted) {
  const auto host = connected();
  begun(*host);
  ASSERT_TRUE(say(*host, shown("a")));
  const uint64_t first = messages();
  ASSERT_TRUE(say(*host, shown("b")));
  EXPECT_TRUE(host->take_replies().empty());
  sessions.make_durable(first);
  ASSERT_TRUE(host->step());
  EXPECT_EQ(told(*host).point, kStep);
  ASSERT_TRUE(say(*host, sudolog::Exit{}));
  EXPECT_EQ(told(*host).point, 2 * kStep) << "the session is durable when it is closed";
  EXPECT_TRUE(sessions.only().closed && host->is_over());
  EXPECT_FALSE(files.exists(memory.sudo_notes(sessions.sessions.begin()->first)));
}

TEST_F(SudoHostTest, WhatPolicyLeavesOutIsAnsweredAndNotKept) {
  policy.terms.is_recorded = false;
  std::vector<Notice> notices;
  policy.tell = [&](const Notice& notice) { notices.push_back(notice); };
  const auto host = connected();
  ASSERT_TRUE(say(*host, accepted()));
  EXPECT_EQ(told(*host).kind, kLogId);
  ASSERT_TRUE(say(*host, shown("a")) && say(*host, inside("/bin/ls")));
  ASSERT_TRUE(say(*host, sudolog::Exit{}));
  EXPECT_EQ(told(*host).point, kStep) << "which sudo waits for";
  EXPECT_TRUE(sessions.sessions.empty());
  EXPECT_EQ(notices.size(), 1U);
}

TEST_F(SudoHostTest, WhomPolicyRefusesRunsNothing) {
  policy.refusal = "no policy";
  const auto host = connected();
  EXPECT_FALSE(say(*host, accepted()));
  EXPECT_EQ(told(*host).kind, kAbort);
  EXPECT_TRUE(host->is_over());
}

TEST_F(SudoHostTest, AFullSpoolEndsTheCommand) {
  const auto host = connected();
  begun(*host);
  sessions.full = true;
  EXPECT_FALSE(say(*host, shown("a")));
  EXPECT_EQ(told(*host).kind, kAbort);
}

TEST_F(SudoHostTest, AboveAQuotaTheRecordSaysSoOnce) {
  Quotas quotas(clock);
  policy::Quotas limits;
  limits.session.bytes_per_second = 10;
  policy.meter = quotas.meter("rule", 1000, limits);
  const auto host = connected();
  begun(*host);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(say(*host, shown(std::string(100, 'x'))));
  const auto& notes = sessions.only().notes;
  EXPECT_EQ(std::ranges::count(notes, "slowed", &event::Finding::rule), 1);
  EXPECT_EQ(recorded(event::Lane::kOutput).size(), 900U) << "and nothing is dropped";
}

class SudoPersonTest : public SudoHostTest {
 protected:
  SudoPersonTest() {
    policy.tell = [this](const Notice& notice) { notices.push_back(notice); };
    auto rules = std::make_shared<PeopleRules>();
    rules->roles = *parse_roles("version = 3\nshared = [\"root\"]", "roles.toml");
    policy.people = rules;
  }
  static sudolog::Decision asked_by(const std::string& user) {
    auto decision = accepted();
    decision.infos[0].value = user;
    return decision;
  }
  std::vector<Notice> notices;
};

TEST_F(SudoPersonTest, NobodyBehindASharedAccountIsAFindingHereAndAtTheHost) {
  for (const auto kind : {sudolog::Decision::Kind::kAccept, sudolog::Decision::Kind::kReject}) {
    sessions.sessions.clear();
    notices.clear();
    const auto host = connected();
    auto asked = asked_by("root");
    asked.kind = kind;
    ASSERT_TRUE(say(*host, asked));
    EXPECT_EQ(sessions.only().people.at(0).name, "");
    const auto& notes = sessions.only().notes;
    EXPECT_EQ(std::ranges::count(notes, "shared-account", &event::Finding::rule), 1);
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_EQ(notices[0].what, Notice::What::kShared);
    EXPECT_EQ(notices[0].text, "sudo of root: nobody is known behind the shared account of uid 0");
  }
}

TEST_F(SudoPersonTest, IsFoundOnceThoughItsLogIsCut) {
  auto host = connected();
  ASSERT_TRUE(say(*host, asked_by("root")));
  const std::string log = told(*host).text;
  ASSERT_TRUE(say(*host, shown("a")));
  sessions.make_durable(messages());
  ASSERT_TRUE(host->step());
  host.reset();
  sessions.only().durable = messages();
  host = connected();
  ASSERT_TRUE(say(*host, sudolog::Restart{log, kStep}));
  const auto& notes = sessions.only().notes;
  EXPECT_EQ(std::ranges::count(notes, "shared-account", &event::Finding::rule), 1);
  EXPECT_EQ(notices.size(), 1U);
}

TEST_F(SudoPersonTest, WhoseAccountIsTheirOwnIsThemselvesAsSudoClaims) {
  const auto host = connected();
  ASSERT_TRUE(say(*host, asked_by("jane")));
  EXPECT_EQ(sessions.only().people.at(0).name, "jane");
  EXPECT_EQ(sessions.only().people.at(0).by, event::Known::kEnvironment);
  EXPECT_TRUE(notices.empty());
}

/// What somebody submits, as a shell and a program that asks answer it.
class SudoLinesTest : public SudoHostTest {
 protected:
  SudoLinesTest() { policy.terms.input = event::InputPolicy::kRedact; }
  using Lines = std::vector<std::string>;

  void say_all(SudoHost& host, const std::vector<sudolog::ClientMessage>& all) {
    for (const auto& each : all) {
      ASSERT_TRUE(say(host, each));
      clock.now += std::chrono::seconds(30);  // nothing is held back for so long
      ASSERT_TRUE(host.step());
    }
  }
};

TEST_F(SudoLinesTest, StandBehindTheKeysThatSubmittedThem) {
  const auto host = connected();
  begun(*host);
  say_all(*host, {shown("# "), typed("cd /\r"), shown("cd /\r\n# "), sudolog::Exit{}});
  EXPECT_EQ(recorded_lines(), Lines{"input|#|cd /"});
  std::vector<size_t> kinds;
  for (const event::Event& each : sessions.only().events)
    if (each.lane == event::Lane::kInput) kinds.push_back(each.body.index());
  EXPECT_EQ(kinds,
            (std::vector{event::Body(event::Input{}).index(), event::Body(event::Line{}).index()}));
}

TEST_F(SudoLinesTest, AreFactsWherePolicySaysSoEvenWithoutInput) {
  policy.terms.lines_in_facts = true;
  for (const auto input : {event::InputPolicy::kRedact, event::InputPolicy::kNone}) {
    sessions.sessions.clear();
    policy.terms.input = input;
    const auto host = connected();
    begun(*host);
    say_all(*host, {shown("# "), typed("cd /\r"), shown("cd /\r\n# "), sudolog::Exit{}});
    EXPECT_EQ(recorded_lines(), Lines{"facts|#|cd /"});
  }
}

TEST_F(SudoLinesTest, AreNotKeptWhereNoInputIs) {
  policy.terms.input = event::InputPolicy::kNone;
  const auto host = connected();
  begun(*host);
  say_all(*host, {shown("# "), typed("cd /\r"), shown("cd /\r\n# "), sudolog::Exit{}});
  EXPECT_EQ(recorded_lines(), Lines{});
}

TEST_F(SudoLinesTest, OfAPasswordThereIsNone) {
  const auto host = connected();
  begun(*host);
  say_all(*host, {shown("Password: "), typed("hunter2\r"), shown("\r\n# "), sudolog::Exit{}});
  EXPECT_EQ(recorded_lines(), Lines{});
  EXPECT_EQ(count<event::Redaction>(), 1U);
}

// The place of an edited line tells what it became, and here a program wrote there.
TEST_F(SudoLinesTest, OfWhatTheFilterRedactedThereIsNoneWhateverTheScreenHas) {
  for (const auto input : {event::InputPolicy::kRedact, event::InputPolicy::kAll}) {
    sessions.sessions.clear();
    policy.terms.input = input;
    policy.terms.is_input_fixed = true;
    const auto host = connected();
    begun(*host);
    say_all(*host, {shown("Name: "), typed("hunter2\t\r"), shown("found\r\n# "), sudolog::Exit{}});
    const bool is_redacted = input == event::InputPolicy::kRedact;
    EXPECT_EQ(count<event::Redaction>(), is_redacted ? 1U : 0U);
    EXPECT_EQ(recorded_lines(), is_redacted ? Lines{} : Lines{"input|Name:|found"});
  }
}

TEST_F(SudoLinesTest, CountForTheQuota) {
  Quotas quotas(clock);
  policy::Quotas limits;
  limits.session.bytes_per_second = 600;  // the first of them at once
  policy.meter = quotas.meter("rule", 1000, limits);
  const auto host = connected();
  begun(*host);
  for (const auto& each : {shown("# "), typed("\x1b[A"), shown(std::string(400, 'e')), typed("\r")})
    ASSERT_TRUE(say(*host, each));
  const auto slowed = [&] {
    return std::ranges::count(sessions.only().notes, "slowed", &event::Finding::rule);
  };
  EXPECT_EQ(slowed(), 0);
  ASSERT_TRUE(say(*host, shown("\r\n# ")));
  EXPECT_EQ(recorded_lines().size(), 1U);
  EXPECT_EQ(slowed(), 1);
}

TEST_F(SudoHostTest, WhatComesOutOfTurnIsRefused) {
  const auto early = SudoHost::make(world, {}).value();
  EXPECT_FALSE(say(*early, accepted()));
  EXPECT_EQ(told(*early).kind, kError);
  EXPECT_FALSE(say(*early, sudolog::Hello{}));
  const std::vector<sudolog::ClientMessage> all = {sudolog::Hello{}, shown("a"), sudolog::Exit{},
                                                   sudolog::WindowSize{}, sudolog::Suspend{}};
  for (const auto& each : all) {
    const auto host = connected();
    EXPECT_FALSE(say(*host, each));
    EXPECT_TRUE(host->is_over());
  }
  EXPECT_TRUE(sessions.sessions.empty());
}

TEST_F(SudoHostTest, ARejectionIsASessionOfItsOwn) {
  const auto host = connected();
  auto rejected = accepted();
  rejected.kind = sudolog::Decision::Kind::kReject;
  ASSERT_TRUE(say(*host, rejected));
  EXPECT_TRUE(sessions.only().closed);
}

class SudoElsewhereTest : public SudoHostTest {
 protected:
  static sudolog::Decision accepted_at(const std::string& host, const std::string& user) {
    auto decision = accepted();
    decision.infos = {{"submituser", user},
                      {"submithost", host},
                      {"runuser", std::string("root")},
                      {"runuid", int64_t{0}},
                      {"command", std::string("/bin/sh")}};
    return decision;
  }
  const SudoClient client{"web02", "192.0.2.7"};
};

TEST_F(SudoElsewhereTest, OfAnotherHostNothingIsSaidButWhatSudoSays) {
  std::vector<Submitter> asked;
  world.policy_for = [&](const Submitter& who) {
    asked.push_back(who);
    return policy;
  };
  const auto host = connected(client);
  ASSERT_TRUE(say(*host, accepted_at("web02.example", "root")));
  const event::Start& start = sessions.only().start;
  EXPECT_EQ(start.host, "web02.example");
  EXPECT_EQ(start.known.at("host"), event::Known::kEnvironment);
  EXPECT_EQ(start.title,
            "told by sudo's log protocol over TLS by web02 at 192.0.2.7, sealed by this host's "
            "agent as its owner");
  EXPECT_EQ(start.kernel + start.machine_id + start.boot_id, "");
  EXPECT_EQ(start.user, "root");
  EXPECT_EQ(start.uid, kUidElsewhere) << "this host's root is somebody else";
  EXPECT_TRUE(start.groups.empty());
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].name, "root");
  EXPECT_TRUE(asked[0].is_elsewhere);
  EXPECT_EQ(sessions.only().owner, (Owner{{}, kUidElsewhere}))
      << "nor does root's share pay for it";
}

TEST_F(SudoElsewhereTest, WhatSudoSaysOfUidsIsKept) {
  const auto host = connected(client);
  auto decision = accepted_at("web02", "jane");
  decision.infos.push_back({"submituid", int64_t{1007}});
  ASSERT_TRUE(say(*host, decision));
  EXPECT_EQ(sessions.only().start.uid, 1007U);
}

TEST_F(SudoElsewhereTest, ALogGoesOnWithItsOwnCertificateAlone) {
  auto host = connected(client);
  ASSERT_TRUE(say(*host, accepted_at("web02", "jane")));
  const std::string log = told(*host).text;
  ASSERT_TRUE(say(*host, shown("first ")));
  sessions.make_durable(messages());
  ASSERT_TRUE(host->step());
  EXPECT_EQ(told(*host).point, kStep);
  host.reset();
  sessions.only().durable = messages();
  const sudolog::Restart restart{log, kStep};
  for (const SudoClient& other : {SudoClient{"web03", "192.0.2.7"}, SudoClient{}}) {
    const auto stranger = connected(other);
    EXPECT_FALSE(say(*stranger, restart)) << other.name;
    EXPECT_NE(told(*stranger).text.find("there is no such log"), std::string::npos);
  }
  const auto again = connected({"web02", "198.51.100.1"});
  EXPECT_TRUE(say(*again, restart)) << "wherever it comes from";
  ASSERT_TRUE(say(*again, shown("second")) && say(*again, sudolog::Exit{}));
  EXPECT_EQ(recorded(event::Lane::kOutput), "first second");
}

}  // namespace
}  // namespace stele::agent
