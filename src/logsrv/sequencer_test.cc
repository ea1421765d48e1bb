#include "logsrv/sequencer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>

#include "ledger/test_world.h"

namespace stele::logsrv {
namespace {

using ledger::kLayout;
using ledger::TestStream;
using ledger::World;
using segment::Sealed;

std::vector<ledger::Incoming> incoming(const std::vector<const Sealed*>& segments) {
  std::vector<ledger::Incoming> out;
  for (const Sealed* segment : segments)
    out.push_back(ledger::Incoming::of(segment->bytes).value());
  return out;
}

/// A server's ledger on a simulated machine.
class Server {
 public:
  explicit Server(World& world, sim::Plan plan = {}, SequencerOptions options = {})
      : files(world.disk) {
    auto opened = world.open(files);
    if (opened) sequencer.emplace(*std::move(opened), options);
    files.set_plan(plan);
  }
  /// Kept until its answer: what was answered with success goes to `acknowledged`.
  Status submit(const std::vector<const Sealed*>& segments) {
    return sequencer->submit(incoming(segments), [this, segments](const auto&, auto results) {
      ++answers;
      if (!results) return;
      for (size_t i = 0; i < segments.size(); ++i) {
        if ((*results)[i]) acknowledged.push_back(*segments[i]);
        outcomes.push_back((*results)[i] ? "taken"
                                         : std::string(code_name((*results)[i].error().code)));
      }
    });
  }

  sim::SimFileSystem files;
  std::optional<Sequencer> sequencer;
  std::vector<Sealed> acknowledged;
  std::vector<std::string> outcomes;
  size_t answers = 0;
};

class SequencerTest : public ::testing::Test {
 protected:
  TestStream stream() {
    sim::SimFileSystem files(world.disk);
    return {files, world.clock, world.random};
  }
  World world;
};

TEST_F(SequencerTest, many_batches_that_wait_share_one_sync) {
  Server server(world);
  TestStream earlier = stream();
  const Sealed first = earlier.next();  // makes the volume
  ASSERT_TRUE(server.submit({&first}).has_value());
  server.sequencer->step();
  std::vector<TestStream> streams;
  std::vector<Sealed> segments;
  for (int i = 0; i < 20; ++i) streams.push_back(stream());
  for (TestStream& s : streams) segments.push_back(s.next());
  for (const Sealed& segment : segments) ASSERT_TRUE(server.submit({&segment}).has_value());
  const size_t before = server.files.steps().size();
  EXPECT_TRUE(server.sequencer->step());
  const auto steps = server.files.steps();
  const auto syncs = std::count_if(steps.begin() + static_cast<ptrdiff_t>(before), steps.end(),
                                   [](const std::string& s) { return s.starts_with("sync"); });
  EXPECT_EQ(syncs, 1);
  EXPECT_EQ(server.acknowledged.size(), 21U);
  EXPECT_FALSE(server.sequencer->step()) << "nothing waits";
  EXPECT_EQ(server.sequencer->counts().rounds, 2U);
  EXPECT_EQ(server.sequencer->counts().segments, 21U);
}

TEST_F(SequencerTest, a_segment_that_is_refused_stops_only_those_that_need_it) {
  Server server(world);
  TestStream a = stream(), b = stream();
  const Sealed a0 = a.next(), a1 = a.next(), a2 = a.next(), b0 = b.next(), b1 = b.next();
  ASSERT_TRUE(server.submit({&a0, &a2, &b0, &b1}).has_value());
  ASSERT_TRUE(server.submit({&b0, &b1, &a1}).has_value());
  server.sequencer->step();
  EXPECT_EQ(server.outcomes, (std::vector<std::string>{"taken", "conflict", "taken", "taken",
                                                       "conflict", "taken", "taken"}))
      << "b's first one is no longer its last; its second is there, and is taken again";
  EXPECT_EQ(server.sequencer->counts().segments, 4U);
}

TEST_F(SequencerTest, a_full_disk_is_no_end) {
  Server server(world);
  TestStream a = stream();
  const Sealed a0 = a.next(), a1 = a.next();
  server.files.set_plan({.fail_at = server.files.steps().size() + 1, .fail_code = Code::kNoSpace});
  ASSERT_TRUE(server.submit({&a0, &a1}).has_value());
  server.sequencer->step();
  EXPECT_EQ(server.answers, 1U);
  EXPECT_TRUE(server.acknowledged.empty());
  EXPECT_FALSE(server.sequencer->failure().has_value());
  ASSERT_TRUE(server.submit({&a0, &a1}).has_value());
  server.sequencer->step();
  EXPECT_EQ(server.acknowledged.size(), 2U);
}

/// One that nobody answers, and then somebody does.
class SilentLedger final : public ledger::Ledger {
 public:
  bool is_silent = true;
  using Ledger::append;
  Result<std::vector<Result<ledger::Appended>>> append(
      std::span<const ledger::Incoming> batch) override {
    if (is_silent) return fail(Code::kBusy, "the store says nothing");
    return std::vector<Result<ledger::Appended>>(batch.size(), ledger::Appended{0, {}});
  }
  Result<std::optional<segment::Tail>> tail(const StreamId&) const override { return std::nullopt; }
  Result<ledger::KeyEpochs> key_epochs(const ledger::HostKeys&) const override {
    return ledger::KeyEpochs();
  }
  Status sync() override { return {}; }
  Status publish_if_due() override { return {}; }
  Status publish_through(uint64_t) override { return {}; }
  Status publish_empty() override { return {}; }
  uint64_t size() const override { return 0; }
  uint64_t published() const override { return 0; }
  Result<std::optional<receipt::Checkpoint>> checkpoint() const override { return std::nullopt; }
};

TEST_F(SequencerTest, a_store_that_does_not_answer_is_no_end) {
  auto owned = std::make_unique<SilentLedger>();
  SilentLedger& ledger = *owned;
  Sequencer sequencer(std::move(owned), {});
  TestStream a = stream();
  const Sealed sealed = a.next();
  std::vector<Code> answers;
  const auto submit = [&] {
    return sequencer.submit(incoming({&sealed}), [&](const auto&, auto results) {
      answers.push_back(results ? Code::kExists : results.error().code);
    });
  };
  ASSERT_TRUE(submit());
  ASSERT_TRUE(sequencer.step());
  EXPECT_EQ(answers, std::vector{Code::kBusy});
  EXPECT_FALSE(sequencer.failure());
  EXPECT_EQ(sequencer.trouble()->context, "the store says nothing");
  ledger.is_silent = false;
  ASSERT_TRUE(submit());
  ASSERT_TRUE(sequencer.step());
  EXPECT_EQ(answers.size(), 2U);
  EXPECT_FALSE(sequencer.trouble());
}

TEST_F(SequencerTest, after_a_failed_sync_nothing_more_is_taken) {
  Server server(world);
  TestStream a = stream();
  const Sealed a0 = a.next(), a1 = a.next();
  ASSERT_TRUE(server.submit({&a0}).has_value());
  server.sequencer->step();
  server.files.set_plan({.fail_at = server.files.steps().size() + 2});
  ASSERT_TRUE(server.submit({&a1}).has_value());
  server.sequencer->step();
  EXPECT_EQ(server.acknowledged.size(), 1U);
  ASSERT_TRUE(server.sequencer->failure().has_value());
  EXPECT_EQ(server.submit({&a1}).error().code, Code::kIo);
}

TEST_F(SequencerTest, says_busy_when_too_much_waits) {
  Server server(world, {}, {.waiting_bytes_max = 1000, .round_bytes_max = 500});
  TestStream a = stream(), b = stream();
  const Sealed a0 = a.next(600), a1 = a.next(600), b0 = b.next(2000);
  ASSERT_TRUE(server.submit({&a0}).has_value());
  EXPECT_EQ(server.submit({&a1}).error().code, Code::kBusy);
  server.sequencer->step();
  ASSERT_TRUE(server.submit({&b0}).has_value()) << "a large one alone is taken";
  server.sequencer->step();
  EXPECT_EQ(server.acknowledged.size(), 2U);
}

TEST_F(SequencerTest, does_what_waits_before_it_stops) {
  Server server(world);
  TestStream a = stream();
  const Sealed a0 = a.next();
  ASSERT_TRUE(server.submit({&a0}).has_value());
  server.sequencer.reset();
  EXPECT_EQ(server.acknowledged.size(), 1U);
}

TEST_F(SequencerTest, whatever_step_it_dies_at_nothing_acknowledged_is_lost) {
  std::vector<Sealed> segments;
  TestStream a = stream(), b = stream();
  for (int i = 0; i < 4; ++i) {
    segments.push_back(a.next(300, i == 3));
    segments.push_back(b.next(40, i == 3));
  }
  const auto work = [&](Server& server) {
    for (size_t i = 0; i < segments.size(); i += 2) {
      (void)server.submit({&segments[i], &segments[i + 1]});
      if (i % 4 == 2) server.sequencer->step();
    }
    server.sequencer->step();
  };
  const sim::Image fresh = world.disk.snapshot();
  size_t begin = 0, end = 0;
  {
    Server server(world);
    begin = server.files.steps().size();
    work(server);
    end = server.files.steps().size();
    ASSERT_EQ(server.acknowledged.size(), segments.size());
  }
  for (size_t k = begin + 1; k <= end; ++k) {
    for (const auto crash : {sim::Plan::Crash::kKill, sim::Plan::Crash::kPowerCut}) {
      world.disk.restore(fresh);
      std::vector<Sealed> acknowledged;
      {
        Server server(world, {.crash_at = k, .crash = crash});
        work(server);
        acknowledged = server.acknowledged;
      }
      if (crash == sim::Plan::Crash::kPowerCut) world.disk.restart(k);
      Server again(world);
      ASSERT_TRUE(again.sequencer.has_value());
      for (const Sealed& segment : segments) (void)again.submit({&segment});
      again.sequencer->step();
      EXPECT_EQ(again.sequencer->counts().segments + acknowledged.size() <= segments.size(), true)
          << "what was acknowledged was there, step " << k;
      const auto tail = [&](const StreamId& id) {
        sim::SimFileSystem files(world.disk);
        return world.open(files).value()->tail(id).value();
      };
      EXPECT_TRUE(tail(a.id())->closed && tail(b.id())->closed) << "step " << k;
    }
  }
}

TEST_F(SequencerTest, serves_many_threads_at_once) {
  constexpr size_t kThreads = 16, kSegments = 20;
  std::vector<std::vector<Sealed>> segments(kThreads);
  for (auto& mine : segments) {
    TestStream s = stream();
    for (size_t i = 0; i < kSegments; ++i) mine.push_back(s.next(100, i + 1 == kSegments));
  }
  Server server(world);
  server.sequencer->start();
  std::atomic<size_t> taken = 0;
  std::vector<std::thread> threads;
  for (const auto& mine : segments) {
    threads.emplace_back([&] {
      for (const Sealed& segment : mine) {
        std::promise<bool> answered;
        ASSERT_TRUE(server.sequencer
                        ->submit(incoming({&segment}),
                                 [&](const auto&, auto results) {
                                   answered.set_value(results && results->front());
                                 })
                        .has_value());
        if (answered.get_future().get()) ++taken;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, kThreads * kSegments);
  EXPECT_LT(server.sequencer->counts().rounds, kThreads * kSegments) << "rounds are shared";
}

}  // namespace
}  // namespace stele::logsrv
