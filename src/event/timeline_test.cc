#include "event/timeline.h"

#include <gtest/gtest.h>

#include "event/test_events.h"

namespace stele::event {
namespace {

Event output(int64_t us, std::string_view text) {
  return {Lane::kOutput, at(us), Output{bytes_of(text)}};
}
Event input(int64_t us, std::string_view text) {
  return {Lane::kInput, at(us), Input{bytes_of(text)}};
}
Event fact(int64_t us, Body body) { return {Lane::kFacts, at(us), std::move(body)}; }

std::vector<Event> all(Timeline& timeline, BootTime through = BootTime::max()) {
  std::vector<Event> events;
  while (auto event = timeline.next(through)) events.push_back(*std::move(event));
  return events;
}

TEST(Timeline, puts_three_lanes_in_one_order) {
  Timeline timeline;
  for (int64_t us : {1, 4, 7}) timeline.add(output(us, "o"));
  for (int64_t us : {2, 5, 8}) timeline.add(input(us, "i"));
  for (int64_t us : {0, 3, 6}) timeline.add(fact(us, Suspend{}));
  const auto events = all(timeline);
  ASSERT_EQ(events.size(), 9U);
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].at, at(static_cast<int64_t>(i)));
}

TEST(Timeline, at_one_time_shows_the_size_the_key_its_echo_and_the_end) {
  Timeline timeline;
  timeline.add(output(5, "echo"));
  timeline.add(input(5, "key"));
  timeline.add(fact(5, Resize{}));
  timeline.add(fact(5, End{}));
  EXPECT_EQ(all(timeline), (std::vector<Event>{fact(5, Resize{}), input(5, "key"),
                                               output(5, "echo"), fact(5, End{})}));
}

TEST(Timeline, keeps_each_lane_as_it_was_written) {
  Timeline timeline;
  timeline.add(fact(5, End{}));
  timeline.add(fact(5, Gap{}));
  timeline.add(output(5, "a"));
  timeline.add(output(5, "b"));
  EXPECT_EQ(all(timeline),
            (std::vector<Event>{output(5, "a"), output(5, "b"), fact(5, End{}), fact(5, Gap{})}));
}

TEST(Timeline, waits_for_a_key_that_was_typed_long_before_its_segment) {
  Timeline timeline;
  timeline.add(output(1'000'000, "prompt"));
  timeline.add(output(2'000'000, "clock"));
  const BootTime base = at(2'000'000);
  EXPECT_TRUE(all(timeline, base - kLatenessMax).empty());
  EXPECT_TRUE(all(timeline, at(999'999)).empty());
  timeline.add(output(4'100'000, "later"));
  timeline.add(input(1'500'000, "held"));  // in the segment that begins at 4.1 s
  EXPECT_EQ(all(timeline, at(4'100'000) - kLatenessMax),
            (std::vector<Event>{output(1'000'000, "prompt")}));
  EXPECT_EQ(all(timeline), (std::vector<Event>{input(1'500'000, "held"), output(2'000'000, "clock"),
                                               output(4'100'000, "later")}));
}

}  // namespace
}  // namespace stele::event
