#include "agent/shipping.h"

#include "agent/test_spool_world.h"

namespace stele::agent {
namespace {

/// Nobody answers until somebody is let go.
class SilentLink : public ServerLink {
 public:
  Result<Bytes> post_segments(ByteSpan) override { return wait(); }
  Result<Bytes> fetch(const std::string&) override { return wait(); }
  void let_go() {
    const std::lock_guard lock(mutex_);
    is_let_go_ = true;
    changed_.notify_all();
  }

 private:
  Result<Bytes> wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_let_go_; });
    return fail(Code::kIo, "nobody answers");
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_let_go_ = false;
};

TEST(ShippingTest, a_request_that_never_ends_is_seen) {
  SpoolWorld host;
  const auto log_key = ledger::World::trust(host.files).log;
  LogMemory memory(*host.disk_files, "/memory", log_key);
  auto link = std::make_unique<SilentLink>();
  SilentLink& server = *link;
  std::atomic<int> told = 0;
  Shipping shipping(
      *host.shared, memory, log_key, memory.load().value(), std::move(link),
      [&told](const event::Finding&) { ++told; }, host.clock);
  PulseWatch watch(shipping.pulse(), Shipping::kStepMax);
  BootTime now = host.clock.boot();
  while (shipping.pulse().at() == 0) std::this_thread::yield();
  EXPECT_FALSE(watch.is_stuck(now));
  EXPECT_FALSE(watch.is_stuck(now += Shipping::kStepMax));
  EXPECT_TRUE(watch.is_stuck(now += Micros(1)));
  server.let_go();
  while (told == 0) std::this_thread::yield();
  EXPECT_FALSE(watch.is_stuck(now));
  EXPECT_FALSE(watch.is_stuck(now + Shipping::kStepMax))
      << "a server that does not answer is no hang";
}

}  // namespace
}  // namespace stele::agent
