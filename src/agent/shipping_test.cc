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
  Openings openings([](const StreamId&) { return false; });
  Shipping shipping(
      *host.shared, memory, log_key, memory.load().value(), std::move(link), openings,
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

/// Takes nothing for now, and lets nobody know before it is let go.
class BusyLink : public SilentLink {
 public:
  explicit BusyLink(std::atomic<int>& posts) : posts_(posts) {}
  Result<Bytes> post_segments(ByteSpan request) override {
    ++posts_;
    (void)SilentLink::post_segments(request);
    TRY(const auto segments, wire::parse_segments(request));
    return wire::encode(std::vector<wire::Answer>(
        segments.size(), wire::Refused{wire::Refusal::kNotNow, 0, {}, ""}));
  }
  Result<Bytes> fetch(const std::string&) override { return fail(Code::kIo, "not now"); }

 private:
  std::atomic<int>& posts_;
};

TEST(ShippingTest, what_came_last_is_shipped_before_it_ends) {
  SpoolWorld host;
  const auto log_key = ledger::World::trust(host.files).log;
  LogMemory memory(*host.disk_files, "/memory", log_key);
  const auto spool = [&host] {
    auto sealer = host.sealer(host.new_id());
    const auto sealed = sealer.seal({}, false).value();
    ASSERT_TRUE(host.shared->append(sealed.bytes, 0, 0, spool::Room::kOrdinary));
    ASSERT_TRUE(host.shared->sync());
  };
  std::atomic<int> posts = 0, told = 0;
  auto link = std::make_unique<BusyLink>(posts);
  SilentLink& server = *link;
  Openings openings([](const StreamId&) { return false; });
  Shipping shipping(
      *host.shared, memory, log_key, memory.load().value(), std::move(link), openings,
      [&told](const event::Finding&) { ++told; }, host.clock);
  while (told == 0) std::this_thread::yield();  // the log was looked at, and is not for a while
  spool();
  while (posts == 0) std::this_thread::yield();
  spool();  // while the first is on its way
  std::thread later([&server] {
    std::this_thread::sleep_for(
        std::chrono::milliseconds(50));  // so that the end is asked for first
    server.let_go();
  });
  shipping.finish(std::chrono::hours(1));
  later.join();
  EXPECT_EQ(posts, 2);
}

}  // namespace
}  // namespace stele::agent
