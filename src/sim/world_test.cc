// The simulator's clock and randomness.
#include <gtest/gtest.h>

#include "sim/clock.h"
#include "sim/random.h"

namespace stele::sim {
namespace {

using std::chrono::seconds;

TEST(Clock, moves_only_by_hand) {
  Clock clock;
  EXPECT_EQ(rfc3339(clock.wall()), "2026-01-01T00:00:00.000000Z");
  const BootTime boot = clock.boot();
  clock.advance(seconds(90));
  EXPECT_EQ(rfc3339(clock.wall()), "2026-01-01T00:01:30.000000Z");
  EXPECT_EQ(clock.boot() - boot, seconds(90));
}

TEST(Clock, keeps_boot_time_when_somebody_sets_the_wall_clock) {
  Clock clock;
  const BootTime boot = clock.boot();
  clock.set_wall(clock.wall() - seconds(3600));
  EXPECT_EQ(rfc3339(clock.wall()), "2025-12-31T23:00:00.000000Z");
  EXPECT_EQ(clock.boot(), boot);
  clock.reboot();
  EXPECT_EQ(micros(clock.boot()), 0);
}

TEST(Random, repeats_by_seed_and_never_within_a_sequence) {
  const auto draw = [](const RandomSource& source) {
    Bytes out(32);
    source(out);
    return out;
  };
  const RandomSource one = random(1), again = random(1), two = random(2), copy = one;
  const Bytes first = draw(one);
  EXPECT_EQ(first, draw(again));
  EXPECT_NE(first, draw(two));
  EXPECT_NE(first, draw(copy));
}

}  // namespace
}  // namespace stele::sim
