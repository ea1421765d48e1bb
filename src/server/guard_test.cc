#include "server/guard.h"

#include <gtest/gtest.h>

#include "server/routes.h"

namespace stele::server {
namespace {

using event::Asked;
using std::chrono::seconds;

BootTime at(int s) { return BootTime(seconds(s)); }

Asked view(const std::string& person, uint64_t first, uint64_t next) {
  Asked asked;
  asked.person = person;
  asked.what = "segments";
  asked.stream.emplace();
  asked.first = first;
  asked.next = next;
  return asked;
}
Asked refusal(const std::string& peer) {
  Asked asked;
  asked.kind = Asked::Kind::kRefusal;
  asked.peer = peer;
  asked.what = "GET /v1/hosts";
  return asked;
}

TEST(Repeats, the_first_is_told_and_the_others_are_counted) {
  Repeats repeats;
  EXPECT_TRUE(repeats.is_new(view("jane", 0, 4), at(0)));
  EXPECT_TRUE(repeats.is_new(view("jane", 0, 4), at(0))) << "nobody said that it was told";
  repeats.settle(view("jane", 0, 4), true);
  EXPECT_FALSE(repeats.is_new(view("jane", 4, 9), at(1)));
  EXPECT_FALSE(repeats.is_new(view("jane", 9, 12), at(2)));
  EXPECT_TRUE(repeats.is_new(view("joe", 0, 4), at(2)));
  EXPECT_TRUE(repeats.take_due(at(9)).empty());
  const auto due = repeats.take_due(at(10));
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].count, 2U);
  EXPECT_EQ(due[0].first, 4U);
  EXPECT_EQ(due[0].next, 12U);
  EXPECT_TRUE(repeats.is_new(view("jane", 12, 13), at(10))) << "a window of its own";
  EXPECT_TRUE(repeats.take_all().empty()) << "what was told and not repeated is told";
}

TEST(Repeats, a_flood_from_anywhere_is_a_bounded_number_of_events) {
  Repeats repeats;
  size_t told = 0;
  for (int i = 0; i < 100'000; ++i) {
    const Asked one = refusal("peer" + std::to_string(i));
    if (!repeats.is_new(one, at(0))) continue;
    repeats.settle(one, true);
    ++told;
  }
  EXPECT_EQ(told, kPeersMax + 1);
  const auto due = repeats.take_due(at(10));
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].peer, "*");
  EXPECT_EQ(due[0].count, 100'000 - kPeersMax - 1);
  EXPECT_TRUE(repeats.is_new(refusal("peer1"), at(10)));
}

TEST(Repeats, what_could_not_be_told_is_new_again) {
  Repeats repeats;
  EXPECT_TRUE(repeats.is_new(view("jane", 0, 4), at(0)));
  repeats.settle(view("jane", 0, 4), false);
  EXPECT_TRUE(repeats.is_new(view("jane", 0, 4), at(1)));
  EXPECT_TRUE(repeats.take_all().empty());
}

TEST(Repeats, whatever_route_a_stranger_tries_it_is_one) {
  Repeats repeats;
  EXPECT_TRUE(repeats.is_new(refusal("a"), at(0)));
  repeats.settle(refusal("a"), true);
  Asked other = refusal("a");
  other.what = "GET /v1/proof";
  EXPECT_FALSE(repeats.is_new(other, at(0)));
}

TEST(Visits, are_new_once_in_a_quarter_of_an_hour) {
  Visits visits;
  EXPECT_TRUE(visits.is_new("5f70", "a", at(0)));
  EXPECT_FALSE(visits.is_new("5f70", "a", at(899)));
  EXPECT_TRUE(visits.is_new("5f70", "b", at(1)));
  EXPECT_TRUE(visits.is_new("5f70", "a", at(900)));
}

TEST(FailureBound, twenty_at_once_and_then_one_every_six_seconds) {
  FailureBound bound;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(bound.allows("a", at(0))) << i;
    bound.failed("a", at(0));
  }
  EXPECT_FALSE(bound.allows("a", at(0)));
  EXPECT_TRUE(bound.allows("b", at(0)));
  EXPECT_FALSE(bound.allows("a", at(5)));
  EXPECT_TRUE(bound.allows("a", at(6)));
}

TEST(FailureBound, forgets_nobody_because_of_many_others) {
  FailureBound bound;
  for (int i = 0; i < 20; ++i) bound.failed("a", at(0));
  for (int i = 0; i < 20'000; ++i) bound.failed("peer" + std::to_string(i), at(0));
  EXPECT_FALSE(bound.allows("a", at(0)));
  EXPECT_FALSE(bound.allows("another", at(0))) << "all others share one bound";
  EXPECT_TRUE(bound.allows("peer1", at(0)));
}

TEST(Routes, are_found_by_method_and_path) {
  EXPECT_EQ(find_route("GET", "/v1/sessions")->route->id, RouteId::kSessions);
  EXPECT_EQ(find_route("HEAD", "/v1/sessions")->route->id, RouteId::kSessions);
  EXPECT_EQ(find_route("GET", "/v1/segments")->route->id, RouteId::kLeaves);
  EXPECT_EQ(find_route("POST", "/v1/segments")->route->id, RouteId::kPostSegments);
  const auto segments = find_route("GET", "/v1/sessions/abc/segments");
  EXPECT_EQ(segments->route->id, RouteId::kSegments);
  EXPECT_EQ(segments->part, "abc");
  EXPECT_EQ(find_route("GET", "/log/tile/0/000")->part, "tile/0/000");
  for (const char* path : {"/", "/v1", "/v1/tails/", "/v1/tails/a/b", "/v1/sessions/", "/log/",
                           "/v1/sessions//segments", "/v1/sessions/a/b/segments", "/V1/hosts"})
    EXPECT_FALSE(find_route("GET", path).has_value()) << path;
  EXPECT_FALSE(find_route("DELETE", "/v1/sessions").has_value());
}

// Whoever adds a route decides who may use it.
TEST(Routes, that_hand_out_what_is_not_public_ask_for_a_role) {
  for (const Route& route : routes()) {
    EXPECT_EQ(route.door == Door::kToken, route.action.has_value()) << route.pattern;
    EXPECT_TRUE(route.door != Door::kToken || !route.what.empty()) << route.pattern;
    EXPECT_TRUE(route.method == "GET" || route.method == "POST") << "nobody deletes";
  }
}

}  // namespace
}  // namespace stele::server
