#include "agent/test_sudo_host.h"

namespace stele::agent {
namespace {

using event::Lane;

class SudoRestartTest : public SudoHostTest {
 protected:
  SudoRestartTest() { policy.terms.input = event::InputPolicy::kAll; }

  /// A session with one record, which is durable: a point that the client was told.
  std::string begun_to_a_point(SudoHost& host) {
    std::string log = begun(host);
    EXPECT_TRUE(say(host, shown("first ")));
    sessions.make_durable(messages());
    EXPECT_TRUE(host.step());
    EXPECT_EQ(told(host).point, kStep);
    return log;
  }
  /// Of a connection whose client went away; what was taken is durable then.
  void cut(std::unique_ptr<SudoHost>& host) {
    host.reset();
    sessions.only().durable = messages();
  }
  Status restart(SudoHost& host, const std::string& log, Nanos point = kStep) {
    return say(host, sudolog::Restart{log, point});
  }
  /// The records behind the point.
  static std::vector<sudolog::ClientMessage> rest() {
    return {shown(std::string(2 * wire::kContentBytesMax + 5, 'x')),
            typed("ls\r"),
            sudolog::WindowSize{kStep, 30, 90},
            shown("second ", Nanos(0)),
            sudolog::Decision(inside("/bin/ls")),
            typed("exit\r"),
            sudolog::Suspend{kStep, "TSTP"},
            shown("third")};
  }
  std::string all_shown() {
    return "first " + std::string(2 * wire::kContentBytesMax + 5, 'x') + "second third";
  }
  void expect_whole(uint64_t output, uint64_t input) {
    EXPECT_EQ(recorded(Lane::kOutput), all_shown());
    EXPECT_EQ(recorded(Lane::kInput), "ls\rexit\r");
    EXPECT_EQ(count<event::Resize>(), 1U);
    EXPECT_EQ(count<event::Suspend>(), 1U);
    EXPECT_EQ(count<event::Sudo>(), 2U);
    const auto& end = std::get<event::End>(sessions.only().events.back().body);
    EXPECT_EQ(end.output_bytes, output);
    EXPECT_EQ(end.input_bytes, input);
  }
};

TEST_F(SudoRestartTest, WhateverIsDurableNoByteIsThereTwiceAndNoneIsMissing) {
  constexpr uint64_t kMessages = 12;  // that what follows the point is, and one more
  for (uint64_t beyond = 0; beyond < kMessages; ++beyond) {
    for (uint64_t again = 0; again < kMessages - beyond; again += 3) {
      sessions.sessions.clear();
      auto host = connected();
      const std::string log = begun_to_a_point(*host);
      const uint64_t durable = messages() + beyond;
      for (const auto& each : rest()) ASSERT_TRUE(say(*host, each));
      sessions.only().durable = std::min(durable, messages());
      host.reset();  // the agent was killed: no more than that is in its spool
      host = connected();
      ASSERT_TRUE(restart(*host, log));
      for (const auto& each : rest()) ASSERT_TRUE(say(*host, each));
      sessions.only().durable = std::min(durable + again, messages());
      host.reset();  // and once more
      host = connected();
      ASSERT_TRUE(restart(*host, log));
      for (const auto& each : rest()) ASSERT_TRUE(say(*host, each)) << beyond << ' ' << again;
      ASSERT_TRUE(say(*host, sudolog::Exit{}));
      EXPECT_EQ(told(*host).point, 7 * kStep);
      expect_whole(all_shown().size(), 8);
    }
  }
}

TEST_F(SudoRestartTest, ItsPointsGoOnFromThere) {
  auto host = connected();
  const std::string log = begun_to_a_point(*host);
  for (const auto& each : rest()) ASSERT_TRUE(say(*host, each));
  cut(host);
  host = connected();
  ASSERT_TRUE(restart(*host, log));
  EXPECT_TRUE(all_told(*host).empty());
  ASSERT_TRUE(say(*host, rest()[0]));
  EXPECT_EQ(told(*host).point, 2 * kStep) << "it is durable";
  cut(host);
  host = connected();
  ASSERT_TRUE(restart(*host, log, 2 * kStep));
  const auto again = rest();
  for (size_t i = 1; i < again.size(); ++i) ASSERT_TRUE(say(*host, again[i]));
  ASSERT_TRUE(say(*host, sudolog::Exit{}));
  expect_whole(all_shown().size(), 8);
}

TEST_F(SudoRestartTest, WhatStandsAtThePointItselfMayBeSentAgainOrNot) {
  for (const bool sends_it : {true, false}) {
    sessions.sessions.clear();
    auto host = connected();
    const std::string log = begun(*host);
    ASSERT_TRUE(say(*host, shown("first")) && say(*host, shown(" and second", Nanos(0))));
    sessions.make_durable(messages());
    ASSERT_TRUE(host->step());
    EXPECT_EQ(told(*host).point, kStep);
    cut(host);
    host = connected();
    ASSERT_TRUE(restart(*host, log));
    if (sends_it) {
      ASSERT_TRUE(say(*host, shown(" and second", Nanos(0))));
    }
    ASSERT_TRUE(say(*host, shown(", third")) && say(*host, sudolog::Exit{}));
    EXPECT_EQ(recorded(Lane::kOutput), "first and second, third");
  }
}

TEST_F(SudoRestartTest, DecisionsNeedNotBeSentAgain) {
  auto host = connected();
  const std::string log = begun_to_a_point(*host);
  ASSERT_TRUE(say(*host, inside("/bin/ls")) && say(*host, shown("a")));
  cut(host);
  host = connected();
  ASSERT_TRUE(restart(*host, log));
  ASSERT_TRUE(say(*host, shown("a")) && say(*host, sudolog::Exit{}));
  EXPECT_EQ(count<event::Sudo>(), 2U);
  EXPECT_EQ(recorded(Lane::kOutput), "first a");
}

TEST_F(SudoRestartTest, WhatIsSentAgainHasToBeTheSame) {
  const std::vector<std::vector<sudolog::ClientMessage>> others = {
      {shown("b")},      {shown("a", 2 * kStep)}, {typed("a")}, {shown("a"), shown("another")},
      {sudolog::Exit{}},  // as if there had been no more
  };
  for (const auto& sent : others) {
    sessions.sessions.clear();
    auto host = connected();
    const std::string log = begun_to_a_point(*host);
    ASSERT_TRUE(say(*host, shown("a")) && say(*host, shown("c")));
    cut(host);
    host = connected();
    ASSERT_TRUE(restart(*host, log));
    Status said;
    for (const auto& each : sent) said = say(*host, each);
    EXPECT_FALSE(said);
    EXPECT_EQ(told(*host).kind, kError);
    EXPECT_EQ(recorded(Lane::kOutput), "first ac");
  }
}

TEST_F(SudoRestartTest, APasswordWhosePromptWasBeforeIsNotKept) {
  policy.terms.input = event::InputPolicy::kRedact;
  auto host = connected();
  const std::string log = begun_to_a_point(*host);
  cut(host);
  host = connected();
  ASSERT_TRUE(restart(*host, log));
  ASSERT_TRUE(say(*host, typed("hunter2\r")));
  clock.now += std::chrono::seconds(30);
  ASSERT_TRUE(say(*host, shown("\r\nwelcome\r\n")) && say(*host, sudolog::Exit{}));
  EXPECT_EQ(count<event::Redaction>(), 1U);
  EXPECT_EQ(recorded(Lane::kInput).find("hunter2"), std::string::npos);
}

TEST_F(SudoRestartTest, WhatIsHeldBackIsSentAgainAndWhatIsDurableIsNot) {
  policy.terms.input = event::InputPolicy::kRedact;
  auto host = connected();
  const std::string log = begun_to_a_point(*host);
  ASSERT_TRUE(say(*host, shown("Password: ")) && say(*host, typed("hunter2\r")));
  ASSERT_TRUE(say(*host, shown("\r\n")));
  sessions.only().durable = messages();  // the agent dies before there is a verdict
  host.reset();
  host = connected();
  ASSERT_TRUE(restart(*host, log));
  ASSERT_TRUE(say(*host, shown("Password: ")) && say(*host, typed("hunter2\r")));
  ASSERT_TRUE(say(*host, shown("\r\n")) && say(*host, sudolog::Exit{}));
  EXPECT_EQ(count<event::Redaction>(), 1U);
  EXPECT_EQ(recorded(Lane::kOutput), "first Password: \r\n");
}

TEST_F(SudoRestartTest, OfWhatIsRedactedNothingIsCountedTwice) {
  policy.terms.input = event::InputPolicy::kRedact;
  const std::vector<sudolog::ClientMessage> all = {
      shown("Password: "),
      typed("hunter2\r"),
      shown("\r\nNew password: "),
      typed("correct horse battery\r"),
      shown("\r\n$ "),
      typed("ls\r"),
      shown("ls\r\n"),
  };
  const auto say_all = [&](SudoHost& host) {
    for (const auto& each : all) {
      ASSERT_TRUE(say(host, each));
      clock.now += std::chrono::seconds(30);  // nothing is held back for so long
      ASSERT_TRUE(host.step());
    }
  };
  for (uint64_t beyond = 0; beyond < 9; ++beyond) {
    sessions.sessions.clear();
    auto host = connected();
    const std::string log = begun_to_a_point(*host);
    const uint64_t durable = messages() + beyond;
    say_all(*host);
    sessions.only().durable = std::min(durable, messages());
    host.reset();
    host = connected();
    ASSERT_TRUE(restart(*host, log));
    say_all(*host);
    ASSERT_TRUE(say(*host, sudolog::Exit{}));
    EXPECT_EQ(count<event::Redaction>(), 2U) << beyond;
    EXPECT_EQ(recorded(Lane::kInput), "ls\r") << beyond;
    EXPECT_EQ(recorded(Lane::kOutput), "first Password: \r\nNew password: \r\n$ ls\r\n");
    const auto& end = std::get<event::End>(sessions.only().events.back().body);
    EXPECT_EQ(end.input_bytes, 16U + 32U + 3U);
  }
}

/// Somebody at a shell, in records that tell what a line needs: its prompt, its keys, its answer.
class SudoRestartLinesTest : public SudoRestartTest {
 protected:
  SudoRestartLinesTest() { policy.terms.input = event::InputPolicy::kRedact; }

  struct Expected {
    std::string line;
    size_t prompt, answer;  // records
  };
  /// Fewer than there are points.
  static std::vector<sudolog::ClientMessage> shell() {
    return {shown("\r\n$ "),
            typed("l"),
            shown("l"),
            typed("s\r"),
            shown("s\r\nfile\r\n$ "),
            typed("read -s x\r"),
            shown("read -s x\r\nPassword: "),
            typed("hunter2\r"),
            shown("\r\n$ "),
            typed("cd /\r"),
            shown("cd /\r\n$ "),
            typed("exit\r"),
            sudolog::WindowSize{kStep, 30, 90},
            shown("exit\r\n")};
  }
  static std::vector<Expected> lines() {
    return {{"input|$|ls", 0, 4},
            {"input|$|read -s x", 4, 6},
            {"input|$|cd /", 8, 10},
            {"input|$|exit", 10, 13}};
  }
  void say_from(SudoHost& host, size_t first) {
    const auto all = shell();
    for (size_t i = first; i < all.size(); ++i) {
      ASSERT_TRUE(say(host, all[i])) << i;
      clock.now += std::chrono::seconds(30);  // nothing is held back for so long
      ASSERT_TRUE(host.step());
    }
  }
  /// A client that was told of a point behind so many of these records, and then said the others.
  std::unique_ptr<SudoHost> said_with_a_point_behind(size_t records, std::string& log,
                                                     Nanos& point) {
    auto host = connected();
    log = begun_to_a_point(*host);
    point = kStep;
    for (size_t i = 0; i < records; ++i) {
      EXPECT_TRUE(say(*host, shell()[i]));
      clock.now += std::chrono::seconds(30);
      EXPECT_TRUE(host->step());
      sessions.make_durable(messages());
      EXPECT_TRUE(host->step());
      point = told(*host).point;
    }
    EXPECT_EQ(point, (1 + records) * kStep);
    return host;
  }
};

TEST_F(SudoRestartLinesTest, WhateverIsDurableNoLineIsThereTwiceAndNoneIsMissing) {
  std::vector<std::string> expected;
  for (const Expected& each : lines()) expected.push_back(each.line);
  for (uint64_t beyond = 0; beyond < 24; ++beyond) {
    for (uint64_t again = 0; again < 24 - beyond; ++again) {
      sessions.sessions.clear();
      auto host = connected();
      const std::string log = begun_to_a_point(*host);
      const uint64_t durable = messages() + beyond;
      say_from(*host, 0);
      sessions.only().durable = std::min(durable, messages());
      for (const uint64_t more : {again, uint64_t{0}}) {
        host.reset();  // the agent was killed
        host = connected();
        ASSERT_TRUE(restart(*host, log));
        say_from(*host, 0);
        sessions.only().durable = std::min(durable + more, messages());
      }
      ASSERT_TRUE(say(*host, sudolog::Exit{}));
      EXPECT_EQ(recorded_lines(), expected) << beyond << ' ' << again;
      EXPECT_EQ(recorded(Lane::kInput), "ls\rread -s x\rcd /\rexit\r") << beyond << ' ' << again;
      EXPECT_EQ(count<event::Redaction>(), 1U);
    }
  }
}

// What was being typed at the point, or at a prompt that stood there, is no line: rather than half
// of one. All others are there once.
TEST_F(SudoRestartLinesTest, FromWhateverPointItGoesOn) {
  const size_t size = shell().size();
  for (size_t behind = 0; behind < size; ++behind) {
    for (uint64_t beyond = 0; beyond < 24; ++beyond) {
      sessions.sessions.clear();
      std::string log;
      Nanos point{0};
      auto host = said_with_a_point_behind(behind, log, point);
      const uint64_t durable = messages() + beyond;
      say_from(*host, behind);
      sessions.only().durable = std::min(durable, messages());
      host.reset();
      host = connected();
      ASSERT_TRUE(restart(*host, log, point));
      const auto there = recorded_lines();
      std::vector<std::string> expected;
      for (const Expected& each : lines()) {
        const bool straddles = each.prompt < behind && behind <= each.answer;
        if (!straddles || std::ranges::count(there, each.line) > 0) expected.push_back(each.line);
      }
      say_from(*host, behind);
      ASSERT_TRUE(say(*host, sudolog::Exit{}));
      EXPECT_EQ(recorded_lines(), expected) << behind << ' ' << beyond;
    }
  }
}

TEST_F(SudoRestartLinesTest, TheRestOfWhatWasBeingTypedIsNoneThoughItsPromptIsDrawnAnew) {
  auto host = connected();
  const std::string log = begun(*host);
  ASSERT_TRUE(say(*host, shown("$ ", Nanos(0))) && say(*host, typed("cat >", Nanos(0))));
  ASSERT_TRUE(say(*host, shown("cat >")));
  sessions.make_durable(messages());
  ASSERT_TRUE(host->step());
  EXPECT_EQ(told(*host).point, kStep);
  cut(host);
  host = connected();
  ASSERT_TRUE(restart(*host, log));
  ASSERT_TRUE(say(*host, shown("\r\n[1] done\r\n$ cat >")) && say(*host, typed(" out")));
  ASSERT_TRUE(say(*host, shown(" out")) && say(*host, typed("\r")));
  ASSERT_TRUE(say(*host, shown("\r\n$ ")) && say(*host, sudolog::Exit{}));
  EXPECT_EQ(recorded_lines(), std::vector<std::string>{});
}

class SudoRefusalTest : public SudoRestartTest {
 protected:
  void expect_refused(const std::string& log, Nanos point = kStep) {
    const auto host = connected();
    EXPECT_FALSE(restart(*host, log, point));
    const Told why = told(*host);
    EXPECT_EQ(why.kind, kError);
    EXPECT_NE(why.text.find("not gone on with"), std::string::npos) << why.text;
  }
};

TEST_F(SudoRefusalTest, WhatIsUnknownIsNotGoneOnWith) {
  auto host = connected();
  const std::string log = begun_to_a_point(*host);
  expect_refused(log);  // its connection is not over
  cut(host);
  expect_refused("");
  expect_refused("left out by policy");
  expect_refused(log.substr(0, log.find('.')));
  expect_refused(log.substr(0, log.size() - 1) + (log.back() == '0' ? '1' : '0'));
  expect_refused(log, Nanos(0));  // nobody was told that
  expect_refused(log, 2 * kStep);
  EXPECT_TRUE(restart(*connected(), log)) << "and none of that has harmed it";
}

TEST_F(SudoRefusalTest, WhatIsOverIsNotGoneOnWith) {
  auto host = connected();
  const std::string log = begun_to_a_point(*host);
  ASSERT_TRUE(say(*host, sudolog::Exit{}));
  host.reset();
  expect_refused(log);
}

TEST_F(SudoRefusalTest, ARecordersSessionIsNotSudos) {
  auto host = connected();
  const std::string log = begun_to_a_point(*host);
  cut(host);
  sessions.only().owner.uid = 1000;
  expect_refused(log);
}

TEST_F(SudoRefusalTest, WhatTheSpoolLostIsNotGoneOnWith) {
  auto host = connected();
  const std::string log = begun_to_a_point(*host);
  host.reset();
  sessions.only().durable = 1;
  expect_refused(log);
}

}  // namespace
}  // namespace stele::agent
