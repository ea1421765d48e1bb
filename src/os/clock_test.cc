#include "os/clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <set>

#include "os/random.h"

namespace stele::os {
namespace {

TEST(SystemClock, tells_the_machines_time_in_microseconds) {
  SystemClock clock;
  const auto before = std::time(nullptr);
  const int64_t wall = micros(clock.wall());
  EXPECT_GE(wall / 1'000'000, before);
  EXPECT_LE(wall / 1'000'000, before + 60);
  timespec up{};
  ASSERT_EQ(::clock_gettime(CLOCK_BOOTTIME, &up), 0);
  const BootTime boot = clock.boot();
  EXPECT_GE(micros(boot) / 1'000'000, up.tv_sec);
  EXPECT_GE(clock.boot(), boot);
}

TEST(SystemRandom, fills_spans_of_any_size_and_never_twice_the_same) {
  system_random({});
  std::set<Bytes> seen;
  for (int i = 0; i < 100; ++i) {
    Bytes bytes(32);
    system_random(bytes);
    EXPECT_TRUE(seen.insert(bytes).second);
  }
  Bytes large(1 << 20);  // more than one call's worth that a signal could cut short
  system_random(large);
  EXPECT_TRUE(std::any_of(large.end() - 32, large.end(), [](uint8_t byte) { return byte != 0; }));
}

}  // namespace
}  // namespace stele::os
