#include "cli/host_coverage.h"

#include <gtest/gtest.h>

namespace stele::cli {
namespace {

WallTime at(int hours) { return WallTime(std::chrono::hours(hours)); }

event::HostSummary counts(uint64_t seen, uint64_t covered, uint64_t unrecorded) {
  event::HostSummary summary;
  summary.seen = seen;
  summary.covered = covered;
  summary.unrecorded = unrecorded;
  return summary;
}

class HostCoverageTest : public testing::Test {
 protected:
  std::vector<std::string> lines(const std::string& state = "up") {
    return lines_of(coverage, "web01", state);
  }
  HostCoverage coverage;
};

TEST_F(HostCoverageTest, what_was_counted_between_two_summaries_is_of_the_later_day) {
  coverage.note(at(20), event::HostStart{});
  coverage.note(at(21), event::SessionNumber{});
  coverage.note(at(22), counts(5, 3, 1));
  coverage.note(at(30), counts(7, 5, 2));
  const auto& days = coverage.days();
  ASSERT_EQ(days.size(), 2U);
  EXPECT_EQ(days.at("1970-01-01").seen, 5U);
  EXPECT_EQ(days.at("1970-01-01").undecided(), 1U);
  EXPECT_EQ(days.at("1970-01-01").sessions, 1U);
  EXPECT_EQ(days.at("1970-01-02").covered, 2U);
  EXPECT_EQ(lines()[0],
            "web01  1970-01-01  terminals seen 5, recorded 3, not recorded 1, not decided 1; "
            "sessions 1");
}

TEST_F(HostCoverageTest, an_agent_that_starts_again_counts_from_nothing) {
  coverage.note(at(1), event::HostStart{});
  coverage.note(at(2), counts(4, 4, 0));
  coverage.note(at(3), event::HostStart{});
  coverage.note(at(4), counts(1, 1, 0));
  EXPECT_EQ(coverage.days().at("1970-01-01").seen, 5U);
}

TEST_F(HostCoverageTest, while_no_agent_was_there_stands_between_its_last_word_and_the_next_start) {
  coverage.note(at(1), event::HostStart{});
  coverage.note(at(2), counts(0, 0, 0));
  coverage.note(at(5), event::HostStop{"killed; the next agent says so"});
  coverage.note(at(5), event::HostStart{});
  const auto& away = coverage.days().at("1970-01-01").away;
  ASSERT_EQ(away.size(), 1U);
  EXPECT_EQ(away[0].from, at(2));
  EXPECT_EQ(away[0].to, at(5));
  coverage.note(at(6), event::HostStart{"another", "", "", "", "", 0});
  EXPECT_EQ(away[1].why, "the host restarted");
  EXPECT_EQ(lines("cut").back(), "    no agent since 1970-01-01T06:00:00, and none now (cut)");
}

TEST_F(HostCoverageTest, findings_that_explain_nothing_are_left_out) {
  coverage.note(at(1), event::Finding{"unrecorded", "unrecorded: somebody", {}, {}});
  coverage.note(at(1), event::Finding{"low-water", "little is left", {}, {}});
  EXPECT_EQ(lines().size(), 2U);
  EXPECT_EQ(lines()[1], "    1970-01-01T01:00:00  unrecorded: somebody");
}

}  // namespace
}  // namespace stele::cli
