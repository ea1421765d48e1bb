#include "agent/quota.h"

#include <gtest/gtest.h>

namespace stele::agent {
namespace {

constexpr uint64_t kKiB = 1024, kMiB = 1024 * kKiB;

class TestClock : public Clock {
 public:
  WallTime wall() override { return {}; }
  BootTime boot() override { return now; }
  BootTime now{Micros(5'000'000'000)};
};

class QuotaTest : public testing::Test {
 protected:
  std::unique_ptr<Meter> meter(const policy::Quotas& limits, uint32_t uid = 1000,
                               const std::string& rule = "r") {
    return quotas.meter(rule, uid, limits);
  }
  /// How long somebody waits who then says so much.
  Micros after(Meter& meter, uint64_t bytes) {
    return std::max(Micros(0), meter.take(bytes).ready - clock.now);
  }
  TestClock clock;
  Quotas quotas{clock};
};

TEST_F(QuotaTest, without_bounds_has_no_meter) { EXPECT_EQ(meter({}), nullptr); }

TEST_F(QuotaTest, lets_a_burst_pass_and_then_only_the_rate) {
  const auto it = meter({.session = {64 * kKiB, 0}, .person = {}, .host = {}});
  EXPECT_EQ(after(*it, 64 * kKiB), Micros(0)) << "a second's worth at once";
  EXPECT_EQ(after(*it, 32 * kKiB), Micros(500'000));
  EXPECT_EQ(after(*it, 32 * kKiB), Micros(1'000'000)) << "what was taken all the same is owed";
  clock.now += Micros(1'000'000);
  EXPECT_EQ(after(*it, 16 * kKiB), Micros(250'000));
  clock.now += Micros(3600'000'000LL);
  EXPECT_EQ(after(*it, 128 * kKiB), Micros(1'000'000)) << "an idle hour is no more than a burst";
}

TEST_F(QuotaTest, over_any_time_passes_no_more_than_the_rate) {
  const auto it = meter({.session = {100 * kKiB, 0}, .person = {}, .host = {}});
  const BootTime began = clock.now;
  uint64_t passed = 0;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t bytes = 1 + static_cast<uint64_t>(i) * 7919 % (48 * kKiB);
    passed += bytes;
    clock.now = std::max(clock.now, it->take(bytes).ready);
  }
  const double seconds = std::chrono::duration<double>(clock.now - began).count();
  EXPECT_NEAR(static_cast<double>(passed) / seconds, 100.0 * kKiB, 1.0 * kKiB);
}

TEST_F(QuotaTest, slows_a_session_above_its_volume) {
  const auto it = meter({.session = {0, kMiB}, .person = {}, .host = {}});
  EXPECT_EQ(after(*it, kMiB), Micros(0));
  EXPECT_EQ(after(*it, kSlowRate), Micros(0)) << "a burst of the slow rate";
  EXPECT_EQ(after(*it, kSlowRate), Micros(1'000'000));
}

TEST_F(QuotaTest, tells_once_what_slows_a_session) {
  const auto it = meter({.session = {kKiB, 0}, .person = {}, .host = {}});
  EXPECT_FALSE(it->take(kKiB).finding);
  EXPECT_EQ(it->take(1).finding, "slowed, being above the session's 1 KiB per second");
  EXPECT_FALSE(it->take(kKiB).finding);
}

TEST_F(QuotaTest, counts_all_sessions_of_a_person_together) {
  const policy::Quotas limits{.session = {}, .person = {64 * kKiB, 0}, .host = {}};
  const auto one = meter(limits), two = meter(limits), others = meter(limits, 1001),
             elsewhere = meter(limits, 1000, "another rule");
  EXPECT_EQ(after(*one, 64 * kKiB), Micros(0));
  EXPECT_EQ(after(*two, 64 * kKiB), Micros(1'000'000));
  EXPECT_EQ(after(*others, 64 * kKiB), Micros(0));
  EXPECT_EQ(after(*elsewhere, 64 * kKiB), Micros(0));
}

TEST_F(QuotaTest, remembers_a_persons_day_after_their_sessions) {
  const policy::Quotas limits{.session = {}, .person = {0, kMiB}, .host = {}};
  EXPECT_EQ(after(*meter(limits), kMiB), Micros(0));
  const auto next = meter(limits);
  (void)next->take(kSlowRate);
  const auto charge = next->take(kSlowRate);
  EXPECT_EQ(charge.ready - clock.now, Micros(1'000'000));
  EXPECT_EQ(charge.finding, "slowed, being above the person's 1 MiB per day");
  clock.now += std::chrono::hours(24);
  EXPECT_EQ(after(*meter(limits), kMiB), Micros(0)) << "another day";
}

TEST_F(QuotaTest, counts_all_of_a_host_together) {
  const policy::Quotas limits{.session = {}, .person = {}, .host = {kMiB, 0}};
  const auto one = meter(limits, 1), two = meter(limits, 2);
  EXPECT_EQ(after(*one, kMiB), Micros(0));
  EXPECT_EQ(after(*two, kMiB), Micros(1'000'000));
}

TEST_F(QuotaTest, forgets_persons_whose_day_is_over) {
  const policy::Quotas limits{.session = {}, .person = {kMiB, 0}, .host = {}};
  for (uint32_t uid = 0; uid < Quotas::kPersonsMax; ++uid) (void)meter(limits, uid)->take(1);
  clock.now += std::chrono::hours(25);
  EXPECT_EQ(after(*meter(limits, 7), 1), Micros(0));
}

}  // namespace
}  // namespace stele::agent
