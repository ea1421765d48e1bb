#include "agent/coverage.h"

#include <gtest/gtest.h>

#include "event/test_events.h"

namespace stele::agent {
namespace {

using Counts = Coverage::Counts;

commands::OnTerminal person(uint32_t audit_session, uint32_t number) {
  return {.audit_session = audit_session,
          .terminal = number,
          .tty = "/dev/pts/" + std::to_string(number),
          .login_uid = 4'000'000'000U,
          .uid = 7,
          .pid = 70,
          .parent = 69,
          .program = "/bin/bash"};
}

class CoverageTest : public testing::Test {
 protected:
  BootTime later(Micros by) { return now += by; }
  std::vector<event::Finding> step(uint32_t followed = 0) {
    return coverage.step(now, [followed](const commands::OnTerminal& terminal) {
      return terminal.pid == followed ? Coverage::Verdict::kRecorded
                                      : Coverage::Verdict::kUnrecorded;
    });
  }
  std::vector<event::Finding> after_patience() {
    later(Coverage::kPatience);
    return step();
  }

  Coverage coverage;
  BootTime now = event::at(1'000'000'000);
};

TEST_F(CoverageTest, who_is_not_recorded_in_time_is_found_once) {
  coverage.saw(person(5, 3), now);
  EXPECT_TRUE(step().empty());
  const auto found = after_patience();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rule, "unrecorded");
  EXPECT_EQ(found[0].what,
            "unrecorded: 4000000000 logged in, uid 7, is on /dev/pts/3, audit session 5, and no "
            "recording covers it; first there: /bin/bash, pid 70");
  coverage.saw(person(5, 3), now);
  EXPECT_TRUE(after_patience().empty());
  EXPECT_EQ(coverage.counts(), (Counts{1, 0, 1}));
}

TEST_F(CoverageTest, without_a_login_uid_each_login_counts_and_who_is_gone_stays_undecided) {
  auto jane = person(commands::kUnset, 3);
  jane.login_uid = commands::kUnset;
  jane.user = "jane";
  coverage.saw(jane, now);
  const auto found = after_patience();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].what,
            "unrecorded: no login uid is set, utmp names jane, uid 7, is on /dev/pts/3, and no "
            "recording covers it; first there: /bin/bash, pid 70");
  coverage.saw(jane, now);
  EXPECT_EQ(coverage.cover(commands::kUnset, "/dev/pts/3", now).size(), 1U);
  EXPECT_TRUE(after_patience().empty());
  EXPECT_EQ(coverage.counts(), (Counts{2, 1, 1}));
  coverage.saw(jane, now);
  later(Coverage::kPatience);
  const auto gone = [](const commands::OnTerminal&) { return Coverage::Verdict::kNobody; };
  EXPECT_TRUE(coverage.step(now, gone).empty());
  EXPECT_TRUE(after_patience().empty());
  EXPECT_EQ(coverage.counts(), (Counts{3, 1, 1}));
}

TEST_F(CoverageTest, a_recording_of_this_login_on_this_terminal_covers_it) {
  coverage.saw(person(5, 3), now);
  coverage.saw(person(6, 3), now);
  coverage.saw(person(5, 4), now);
  const auto covered = coverage.cover(5, "/dev/pts/3", later(Micros(1)));
  EXPECT_EQ(covered, (std::vector{person(5, 3)}));
  EXPECT_EQ(after_patience().size(), 2U);
  EXPECT_EQ(coverage.counts(), (Counts{3, 1, 2}));
}

TEST_F(CoverageTest, who_comes_after_the_recording_began_is_beside_it) {
  coverage.saw(person(5, 3), now);
  coverage.cover(5, "/dev/pts/3", later(Micros(1)));
  coverage.saw(person(5, 3), later(Micros(1)));
  EXPECT_EQ(after_patience().size(), 1U);
  EXPECT_EQ(coverage.counts(), (Counts{1, 0, 1}));
}

TEST_F(CoverageTest, another_recording_covers_it_again) {
  for (int i = 0; i < 2; ++i) {
    coverage.saw(person(5, 3), now);
    coverage.cover(5, "/dev/pts/3", later(Micros(1)));
    EXPECT_TRUE(after_patience().empty());
  }
  EXPECT_EQ(coverage.counts(), (Counts{1, 1, 0}));
}

TEST_F(CoverageTest, who_turns_out_to_be_followed_is_no_finding) {
  coverage.saw(person(5, 3), now);
  later(Coverage::kPatience);
  EXPECT_TRUE(step(70).empty());
  EXPECT_EQ(coverage.counts(), (Counts{1, 1, 0}));
}

TEST_F(CoverageTest, a_flood_is_counted_and_memory_is_bounded) {
  for (uint32_t i = 0; i < 2 * Coverage::kTerminalsMax; ++i) coverage.saw(person(5, i), now);
  EXPECT_EQ(after_patience().size(), Coverage::kNamedMax + 1) << "and those that made room";
  constexpr uint64_t kAll = 2 * Coverage::kTerminalsMax;
  EXPECT_EQ(coverage.counts(), (Counts{kAll, 0, kAll}));
  later(Coverage::kNamedEvery);
  const auto more = step();
  ASSERT_EQ(more.size(), 1U);
  EXPECT_EQ(more[0].what,
            "unrecorded: " + std::to_string(Coverage::kTerminalsMax - Coverage::kNamedMax) +
                " more terminals, of which no recording covers any");
}

}  // namespace
}  // namespace stele::agent
