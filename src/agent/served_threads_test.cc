#include "agent/served_threads.h"

#include <gtest/gtest.h>

#include <future>

namespace stele::agent {
namespace {

TEST(ServedThreads, as_many_serve_as_may_and_no_more) {
  std::promise<void> over;
  const auto wait = [until = over.get_future().share()] { until.wait(); };
  ServedThreads threads(2);
  ASSERT_TRUE(threads.serve(wait) && threads.serve(wait));
  EXPECT_EQ(threads.serve(wait).error().code, Code::kLimit);
  EXPECT_EQ(threads.count(), 2U);
  over.set_value();
  while (threads.count() > 0) threads.join_done();
  EXPECT_TRUE(threads.serve(wait)) << "there is room again";
}

TEST(ServedThreads, what_a_connection_held_is_free_when_all_are_joined) {
  auto held = std::make_shared<int>();
  ServedThreads threads(1);
  ASSERT_TRUE(threads.serve([held] {}));
  threads.join_all();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(threads.count(), 0U);
}

}  // namespace
}  // namespace stele::agent
