// A session recorded into the spool, on its way to a server.
#include "agent/spool_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "agent/pipeline.h"
#include "agent/test_spool_world.h"

namespace stele::agent {
namespace {

using event::Lane;

class SpoolStoreTest : public ::testing::Test, protected SpoolWorld {
 protected:
  std::unique_ptr<Pipeline> pipeline(segment::Sealer sealer, uint32_t owner = 1000) {
    return std::make_unique<Pipeline>(
        PipelineOptions(),
        [this, owner]() -> Result<std::unique_ptr<Store>> {
          return std::make_unique<SpoolStore>(*shared, owner, spool::Room::kOrdinary,
                                              [this](uint64_t taken) { durable = taken; });
        },
        std::move(sealer), clock);
  }
  std::atomic<uint64_t> durable = 0;
};

TEST_F(SpoolStoreTest, the_recorder_hears_of_what_is_durable) {
  const StreamId id = new_id();
  auto to = pipeline(sealer(id));
  ASSERT_TRUE(to->open({}).has_value());
  EXPECT_EQ(durable, 1U) << "the start, before anything is shown";
  ASSERT_TRUE(to->output(clock.boot(), as_bytes("hello")).has_value());
  ASSERT_TRUE(to->event(clock.boot(), Lane::kFacts, event::End{}).has_value());
  ASSERT_TRUE(to->close().has_value());
  EXPECT_EQ(durable, 3U);
  EXPECT_EQ(state(id)->waiting, 2U);
  EXPECT_EQ(state(id)->taken, 3U);
  EXPECT_TRUE(state(id)->tail.closed);
}

TEST_F(SpoolStoreTest, after_a_restart_the_stream_goes_on_where_the_spool_says) {
  const StreamId id = new_id();
  {
    auto to = pipeline(sealer(id));
    ASSERT_TRUE(to->open({}).has_value());
    ASSERT_TRUE(to->output(clock.boot(), as_bytes("never sealed")).has_value());
    disk.cut_power();
  }
  disk.restart(1);
  restart();
  ASSERT_EQ(state(id)->taken, 1U) << "the recorder sends again from its second message on";
  segment::Sealer again = sealer(id);
  again.resume(state(id)->tail.next_sequence, state(id)->tail.last_hash);
  auto to = pipeline(std::move(again));
  ASSERT_TRUE(to->resume(state(id)->taken));
  ASSERT_TRUE(to->output(clock.boot(), as_bytes("never sealed")).has_value());
  ASSERT_TRUE(to->event(clock.boot(), Lane::kFacts, event::End{}).has_value());
  ASSERT_TRUE(to->close().has_value());
  EXPECT_TRUE(state(id)->tail.closed);
  EXPECT_EQ(state(id)->taken, 3U);
  EXPECT_EQ(durable, 3U);
}

TEST_F(SpoolStoreTest, what_a_dead_recorder_said_last_is_kept) {
  const StreamId id = new_id();
  {
    auto to = pipeline(sealer(id));
    ASSERT_TRUE(to->open({}).has_value());
    ASSERT_TRUE(to->output(clock.boot(), as_bytes("last words")).has_value());
  }  // it is gone, and can not say them again
  EXPECT_EQ(durable, 2U);
  EXPECT_EQ(state(id)->waiting, 2U);
  EXPECT_FALSE(state(id)->tail.closed);
}

TEST_F(SpoolStoreTest, one_person_s_flood_ends_at_their_share_and_others_go_on) {
  auto flood = pipeline(sealer(new_id()), 1000);
  ASSERT_TRUE(flood->open({}).has_value());
  Bytes noise(60'000);
  world.random(noise);
  Status last;
  for (int i = 0; i < 1000 && last; ++i) {
    last = flood->output(clock.boot(), noise);
    std::this_thread::yield();
  }
  EXPECT_EQ(last.error().code, Code::kLimit);
  auto other = pipeline(sealer(new_id()), 1001);
  EXPECT_TRUE(other->open({}).has_value());
}

TEST_F(SpoolStoreTest, sessions_at_once_share_their_syncs) {
  constexpr size_t kSessions = 8;
  std::vector<std::unique_ptr<Pipeline>> pipelines;
  for (size_t i = 0; i < kSessions; ++i)
    pipelines.push_back(pipeline(sealer(new_id()), static_cast<uint32_t>(i)));
  std::vector<std::thread> threads;
  std::atomic<size_t> closed = 0;
  for (auto& p : pipelines) {
    threads.emplace_back([&] {
      bool good = p->open({}).has_value();
      good = good && p->output(clock.boot(), as_bytes("hello"));
      good = good && p->event(clock.boot(), Lane::kFacts, event::End{});
      if (good && p->close()) ++closed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(closed, kSessions);
  EXPECT_EQ(shared->with([](spool::Spool& spool) { return spool.depth().segments; }),
            2 * kSessions);
}

}  // namespace
}  // namespace stele::agent
