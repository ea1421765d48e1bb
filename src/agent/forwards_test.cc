#include "agent/forwards.h"

#include <gtest/gtest.h>

#include <set>

#include "event/test_events.h"

namespace stele::agent {
namespace {

using event::at;
using event::Forward;

os::Ancestor process(const char* name, uint32_t pid, uint32_t uid = 0) {
  return {{pid, 1}, name, "", uid, uid};
}
const auto nobody = [](uint32_t) { return false; };

TEST(SshdOf, is_the_person_s_own_one_and_not_those_of_root_s_above_it) {
  const auto sshd = sshd_of({process("sh", 7, 1000), process("sshd", 6, 1000), process("sshd", 5),
                             process("sshd", 1), process("systemd", 1)},
                            nobody);
  EXPECT_EQ(sshd, (os::ProcessKey{6, 1}));
}

TEST(SshdOf, is_root_s_where_root_logs_in_and_newer_ones_have_another_name) {
  EXPECT_EQ(sshd_of({process("sshd-session", 6), process("sshd", 5)}, nobody)->pid, 6U);
  EXPECT_EQ(sshd_of({process("sshd-session", 6, 9), process("sshd-session", 5)}, nobody)->pid, 6U);
}

TEST(SshdOf, is_none_that_a_person_only_calls_so) {
  const std::vector<os::Ancestor> real = {process("sshd", 6, 1000), process("sshd", 5),
                                          process("sshd", 4)};
  for (const uint32_t uid : {1000U, 0U}) {  // 0: sudo by another name
    auto with = real;
    with.insert(with.begin(), {process("sshd", 9, uid), process("bash", 8, 1000)});
    EXPECT_EQ(sshd_of(with, nobody)->pid, 6U);
    with.erase(with.begin() + 1);
    EXPECT_EQ(sshd_of(with, nobody)->pid, 6U);
  }
  EXPECT_FALSE(sshd_of({process("sshd", 9, 1000), process("login", 5)}, nobody));
  EXPECT_FALSE(sshd_of({process("bash", 9), process("login", 5)}, nobody));
  EXPECT_FALSE(sshd_of({}, nobody));
}

TEST(SshdOf, is_the_outer_session_s_where_one_is_within_another) {
  const auto is_eight = [](uint32_t pid) { return pid == 8; };
  EXPECT_FALSE(sshd_of({process("su", 9), process("stele-recorder", 8, 1000),
                        process("sshd", 6, 1000), process("sshd", 5)},
                       is_eight));
  EXPECT_EQ(sshd_of({process("sshd", 9, 7), process("sshd", 7), process("sh", 6),
                     process("stele-recorder", 8), process("sshd", 5)},
                    is_eight)
                ->pid,
            9U)
      << "an sshd that was started in a session";
}

class ForwardsTest : public testing::Test {
 protected:
  static constexpr os::ProcessKey kSshd{6, 300}, kOther{7, 300};
  static Forward connect(uint16_t port) { return {Forward::What::kConnect, "192.0.2.7", port, {}}; }
  void saw(const Forward& what, int64_t us, os::ProcessKey sshd = kSshd) {
    forwards.saw({sshd, what}, at(us), findings);
  }
  void serve(uint64_t session, os::ProcessKey sshd = kSshd, bool is_whole = true) {
    forwards.serve(session, sshd, is_whole, at(now));
  }
  /// What the session has to say now, all of it.
  std::vector<Forward> said(uint64_t session) {
    std::vector<Forward> all;
    while (const auto next = forwards.next(session, at(now))) {
      if (const auto* forward = std::get_if<Forward>(&next->body)) {
        all.push_back(*forward);
        times.push_back(next->at);
      } else {
        gaps.push_back(std::get<event::Gap>(next->body).why);
      }
      forwards.said(session);
    }
    return all;
  }
  std::vector<std::string> missing(uint64_t session) {
    std::vector<std::string> all;
    for (const event::Gap& each : forwards.missing(session)) all.push_back(each.why);
    return all;
  }

  int64_t now = 9'000'000;
  std::set<uint32_t> dead;
  Forwards forwards{[this](const os::ProcessKey& each) { return !dead.contains(each.pid); }};
  std::vector<event::Finding> findings;
  std::vector<std::string> gaps;
  std::vector<BootTime> times;
};

TEST_F(ForwardsTest, are_of_the_sessions_that_their_sshd_serves) {
  serve(1);
  serve(2, kOther);
  serve(3);
  saw(connect(80), 9'000'005);
  EXPECT_EQ(said(1), std::vector{connect(80)});
  EXPECT_EQ(said(2), std::vector<Forward>{});
  EXPECT_EQ(said(3), std::vector{connect(80)});
  EXPECT_EQ(times, (std::vector{at(9'000'005), at(9'000'005)}));
  EXPECT_EQ(forwards.count(1), 1U);
  EXPECT_EQ(forwards.count(2), 0U);
  EXPECT_EQ(forwards.count(4), std::nullopt) << "nobody's";
}

TEST_F(ForwardsTest, are_said_once_however_often_it_is_done) {
  serve(1);
  EXPECT_TRUE(said(1).empty());
  for (int i = 0; i < 3; ++i) saw(connect(80), now);
  saw({Forward::What::kListen, "192.0.2.7", 80, {}}, now);
  EXPECT_EQ(said(1).size(), 2U);
  saw(connect(80), now);
  EXPECT_TRUE(said(1).empty());
  EXPECT_TRUE(missing(1).empty());
}

TEST_F(ForwardsTest, of_before_the_session_say_how_long_before) {
  saw({Forward::What::kListen, "::1", 8080, {}}, 8'000'000);
  serve(1);
  EXPECT_EQ(said(1),
            (std::vector<Forward>{{Forward::What::kListen, "::1", 8080, std::chrono::seconds(1)}}));
  EXPECT_EQ(times, std::vector{at(now)});
}

TEST_F(ForwardsTest, that_are_not_known_any_more_are_a_gap) {
  forwards.begin(at(3'000'001));  // its sshd was made before
  serve(1);
  serve(2, {8, 301});
  EXPECT_TRUE(said(1).empty() && said(2).empty());
  EXPECT_EQ(gaps.size(), 1U);
  EXPECT_EQ(forwards.count(1), 0U);
}

TEST_F(ForwardsTest, of_a_session_that_another_agent_had_are_not_counted) {
  forwards.begin(at(3'000'001));
  serve(1, kSshd, false);
  saw(connect(80), now);
  EXPECT_EQ(said(1).size(), 1U);
  EXPECT_TRUE(gaps.empty());
  EXPECT_EQ(forwards.count(1), std::nullopt);
}

TEST_F(ForwardsTest, of_a_recorder_that_comes_again_are_not_said_again) {
  serve(1);
  saw(connect(80), now);
  EXPECT_EQ(said(1).size(), 1U);
  serve(1, kSshd, false);
  saw(connect(81), now);
  EXPECT_EQ(said(1), std::vector{connect(81)});
  EXPECT_EQ(forwards.count(1), 2U);
}

TEST_F(ForwardsTest, beyond_a_bound_are_counted_and_that_is_said_once) {
  serve(1);
  for (uint16_t port = 0; port < Forwards::kEachMax + 40; ++port) saw(connect(port), now);
  saw(connect(5), now);
  EXPECT_EQ(said(1).size(), Forwards::kEachMax);
  const auto why = missing(1);
  ASSERT_EQ(why.size(), 1U);
  EXPECT_TRUE(why[0].starts_with("40 more times")) << why[0];
  EXPECT_TRUE(missing(1).empty());
}

TEST_F(ForwardsTest, that_were_lost_may_have_been_anybody_s) {
  serve(1);
  serve(2, kOther);
  forwards.lost(3, at(now));
  EXPECT_EQ(missing(1).size(), 1U);
  EXPECT_EQ(missing(2).size(), 1U);
  EXPECT_TRUE(missing(1).empty());
  serve(3, {8, 301});
  EXPECT_TRUE(said(3).empty());
  EXPECT_EQ(gaps.size(), 1U) << "among them some of its, from before it";
}

TEST_F(ForwardsTest, after_the_last_session_are_a_finding_once_and_without_one_are_none) {
  const StreamId first{1}, second{2};
  saw(connect(80), now);
  EXPECT_TRUE(findings.empty()) << "a login without a session is somebody else's to find";
  serve(1);
  serve(2);
  forwards.leave(1, first);
  saw(connect(81), now);
  EXPECT_TRUE(findings.empty());
  forwards.leave(2, second);
  saw(connect(81), now);
  saw(connect(82), now);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].stream, second);
  serve(3);
  EXPECT_EQ(said(3).size(), 3U);
}

TEST_F(ForwardsTest, of_connections_without_a_session_are_remembered_up_to_a_bound) {
  serve(1);
  saw(connect(1), now);
  for (uint32_t pid = 100; pid < 100 + Forwards::kWaitingMax; ++pid)
    saw(connect(80), now, {pid, 300});
  dead = {101};
  saw(connect(80), now, {5000, 300});
  serve(2, {100, 300});
  EXPECT_EQ(said(2).size(), 1U) << "who was gone made room";
  saw(connect(80), now, {5001, 300});
  saw(connect(80), now, {5002, 300});  // the oldest, 102, makes room
  serve(3, {102, 300});
  EXPECT_TRUE(said(3).empty());
  EXPECT_EQ(gaps.size(), 1U);
  EXPECT_EQ(said(1).size(), 1U);
}

}  // namespace
}  // namespace stele::agent
