#include "event/event.h"

#include <gtest/gtest.h>

namespace stele::event {
namespace {

TEST(InputPolicy, is_read_by_the_name_it_is_written_with) {
  for (InputPolicy policy : {InputPolicy::kAll, InputPolicy::kRedact, InputPolicy::kNone}) {
    EXPECT_EQ(parse_input_policy(input_policy_name(policy)), policy);
  }
  EXPECT_EQ(parse_input_policy("Redact"), std::nullopt);
  EXPECT_EQ(parse_input_policy(""), std::nullopt);
}

TEST(Lane, has_the_name_the_recipients_list_uses) {
  EXPECT_EQ(lane_name(Lane::kFacts), "facts");
  EXPECT_EQ(lane_name(Lane::kOutput), "output");
  EXPECT_EQ(lane_name(Lane::kInput), "input");
}

}  // namespace
}  // namespace stele::event
