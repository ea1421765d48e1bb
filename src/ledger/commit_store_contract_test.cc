// The contract of CommitStore, held against each of its implementations.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "db/test_postgres.h"
#include "ledger/memory_commit_store.h"
#include "ledger/postgres_commit_store.h"
#include "ledger/test_commits.h"

namespace stele::ledger {
namespace {

using Turn = CommitStore::Turn;

// What two servers share, empty at first.
class World {
 public:
  virtual ~World() = default;
  virtual CommitStore& one() = 0;
  virtual CommitStore& other() = 0;
};

class MemoryWorld final : public World {
 public:
  CommitStore& one() override { return store_; }
  CommitStore& other() override { return store_; }

 private:
  MemoryCommitStore store_;
};

// STELE_TEST_POSTGRES names a file of options (db::PostgresOptions) of a database for tests: what
// its schema `stele` holds is lost.
class PostgresWorld final : public World {
 public:
  explicit PostgresWorld(const db::PostgresOptions& options) {
    auto connection = db::Connection::open(options, {}).value();
    EXPECT_TRUE(connection->run_script("DROP SCHEMA IF EXISTS stele CASCADE"));
    for (auto& store : stores_)
      store = PostgresCommitStore::open(options, "stele.example/contract").value();
  }
  CommitStore& one() override { return *stores_[0]; }
  CommitStore& other() override { return *stores_[1]; }

 private:
  std::array<std::unique_ptr<PostgresCommitStore>, 2> stores_;
};

std::unique_ptr<World> memory_world() { return std::make_unique<MemoryWorld>(); }
std::unique_ptr<World> postgres_world() {
  const auto options = db::test_database();
  return options ? std::make_unique<PostgresWorld>(*options) : nullptr;
}

struct Kind {
  const char* name;
  std::unique_ptr<World> (*make)();
};

class CommitStoreContract : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    world_ = GetParam().make();
    if (!world_) GTEST_SKIP() << db::kNoDatabase;
  }

  CommitStore& one() { return world_->one(); }
  CommitStore& other() { return world_->other(); }
  // In a turn of its own.
  Commit commit(CommitStore& store, uint32_t count, std::string_view what,
                std::map<StreamId, segment::Tail> tails = {}) {
    const auto turn = store.take_turn().value();
    Commit next = commit_behind(turn->head(), count, what);
    next.tails = std::move(tails);
    const Status done = turn->commit(next);
    EXPECT_TRUE(done) << done.error().message();
    return next;
  }

  std::unique_ptr<World> world_;
};

TEST_P(CommitStoreContract, AnEmptyOneHasNothing) {
  EXPECT_EQ(one().head().value(), merkle::Frontier());
  EXPECT_EQ(one().tail(stream_of(1)).value(), std::nullopt);
  EXPECT_EQ(one().volume_with(0).value(), std::nullopt);
  EXPECT_TRUE(one().volumes_from(0, 10).value().empty());
  EXPECT_EQ(one().publication().value(), Publication());
  EXPECT_EQ(one().kept_keys().value(), KeptKeys());
  const auto turn = one().take_turn().value();
  EXPECT_EQ(turn->head(), merkle::Frontier());
  EXPECT_TRUE(turn->tails(std::vector{stream_of(1)}).value().empty());
  EXPECT_TRUE(turn->tails({}).value().empty());
}

TEST_P(CommitStoreContract, WhatOneCommitsTheOtherSees) {
  const Commit first = commit(one(), 3, "first", {{stream_of(1), tail_at(2)}});
  EXPECT_EQ(other().head().value(), first.next);
  EXPECT_EQ(other().tail(stream_of(1)).value(), tail_at(2));
  const Commit second =
      commit(other(), 1, "second",
             {{stream_of(1), tail_at(3, true)}, {stream_of(2), tail_at(UINT32_MAX)}});
  EXPECT_EQ(second.volume.first_index, 3U);

  EXPECT_EQ(one().head().value(), second.next);
  EXPECT_EQ(one().tail(stream_of(1)).value(), tail_at(3, true));
  const auto turn = one().take_turn().value();
  EXPECT_EQ(turn->head(), second.next);
  const std::vector asked = {stream_of(2), stream_of(1), stream_of(9)};
  EXPECT_EQ(turn->tails(asked).value(), second.tails);
}

TEST_P(CommitStoreContract, EachLeafHasOneVolume) {
  const std::vector volumes = {commit(one(), 3, "a").volume, commit(other(), 1, "b").volume,
                               commit(one(), 200, "c").volume};
  EXPECT_EQ(one().volume_with(0).value(), volumes[0]);
  EXPECT_EQ(one().volume_with(2).value(), volumes[0]);
  EXPECT_EQ(one().volume_with(3).value(), volumes[1]);
  EXPECT_EQ(one().volume_with(4).value(), volumes[2]);
  EXPECT_EQ(one().volume_with(203).value(), volumes[2]);
  EXPECT_EQ(one().volume_with(204).value(), std::nullopt);
  EXPECT_EQ(one().volume_with(UINT64_MAX).value(), std::nullopt);

  using Volumes = std::vector<CommittedVolume>;
  EXPECT_EQ(one().volumes_from(0, 10).value(), volumes);
  EXPECT_EQ(one().volumes_from(0, 2).value(), (Volumes{volumes[0], volumes[1]}));
  EXPECT_EQ(one().volumes_from(1, 1).value(), (Volumes{volumes[1]}));
  EXPECT_EQ(one().volumes_from(3, 10).value(), (Volumes{volumes[1], volumes[2]}));
  EXPECT_EQ(one().volumes_from(5, 10).value(), Volumes());
  EXPECT_EQ(one().volumes_from(UINT64_MAX, 10).value(), Volumes());
  EXPECT_EQ(one().volumes_from(0, 0).value(), Volumes());
}

TEST_P(CommitStoreContract, TurnsComeOneBehindTheOther) {
  auto turn = one().take_turn().value();
  std::atomic<bool> waits = true;
  merkle::Frontier seen;
  std::thread behind([&] {
    const auto next = other().take_turn().value();
    EXPECT_FALSE(waits);
    seen = next->head();
  });
  const Commit commit = commit_behind(turn->head(), 2, "first");
  EXPECT_EQ(other().head().value(), merkle::Frontier());  // who only looks does not wait
  waits = false;
  ASSERT_TRUE(turn->commit(commit));
  behind.join();
  EXPECT_EQ(seen, commit.next);
}

TEST_P(CommitStoreContract, ATurnThatIsGivenBackChangedNothing) {
  one().take_turn().value().reset();
  EXPECT_EQ(other().take_turn().value()->head(), merkle::Frontier());
}

TEST_P(CommitStoreContract, ATurnIsForOneCommit) {
  const auto turn = one().take_turn().value();
  const Commit first = commit_behind(turn->head(), 1, "first");
  ASSERT_TRUE(turn->commit(first));
  EXPECT_EQ(turn->commit(first).error().code, Code::kConflict);
  EXPECT_EQ(turn->tails(std::vector{stream_of(1)}).error().code, Code::kConflict);
  EXPECT_EQ(one().head().value(), first.next);
  commit(other(), 1, "second");  // although the first one's turn is still there
}

TEST_P(CommitStoreContract, NoTwoCommitsOfManyHoldOneLeaf) {
  constexpr int kEach = 25;
  const auto hammer = [&](CommitStore& store, uint8_t number) {
    for (uint32_t i = 1; i <= kEach; ++i) {
      const std::string what = std::to_string(number) + "-" + std::to_string(i);
      commit(store, i % 3 + 1, what, {{stream_of(number), tail_at(i)}});
    }
  };
  std::vector<std::thread> threads;
  for (uint8_t number = 0; number < 4; ++number)
    threads.emplace_back(hammer, std::ref(number % 2 == 0 ? one() : other()), number);
  for (std::thread& thread : threads) thread.join();

  uint64_t next = 0;
  const auto volumes = one().volumes_from(0, 1000).value();
  EXPECT_EQ(volumes.size(), size_t{4 * kEach});
  for (const CommittedVolume& volume : volumes) {
    EXPECT_EQ(volume.first_index, next);
    next += volume.count;
  }
  EXPECT_EQ(one().head().value().size(), next);
  for (uint8_t number = 0; number < 4; ++number)
    EXPECT_EQ(one().tail(stream_of(number)).value(), tail_at(kEach));
}

TEST_P(CommitStoreContract, ACommitThatDoesNotFitTheHeadIsRefused) {
  const Commit first = commit(one(), 3, "first", {{stream_of(1), tail_at(5)}});
  const auto refused = [&](auto spoil) {
    const auto turn = one().take_turn().value();
    Commit next = commit_behind(turn->head(), 2, "next");
    spoil(next);
    const Status done = turn->commit(next);
    EXPECT_FALSE(done);
    EXPECT_EQ(one().head().value(), first.next);
    return done ? Code::kInvalid : done.error().code;
  };
  EXPECT_EQ(refused([](Commit& c) { c.volume.first_index = 2; }), Code::kInvalid);
  EXPECT_EQ(refused([](Commit& c) { c.volume.count = 1; }), Code::kInvalid);
  EXPECT_EQ(refused([](Commit& c) { c = commit_behind({}, 5, "from the start"); }), Code::kInvalid);
  EXPECT_EQ(refused([&](Commit& c) {
              c.next = first.next;
              c.volume.count = 0;
            }),
            Code::kInvalid);
  EXPECT_EQ(refused([](Commit& c) { c.volume.key = ""; }), Code::kInvalid);
  EXPECT_EQ(refused([](Commit& c) { c.volume.key = std::string("a\0b", 3); }), Code::kInvalid);
  EXPECT_EQ(refused([](Commit& c) { c.volume.version = std::string(1025, 'v'); }), Code::kInvalid);
  EXPECT_EQ(refused([](Commit& c) { c.volume.bytes = uint64_t{1} << 63; }), Code::kInvalid);
  // A stream never goes back, nor stays where it was.
  EXPECT_EQ(refused([](Commit& c) { c.tails[stream_of(1)] = tail_at(5); }), Code::kInvalid);
  EXPECT_EQ(refused([](Commit& c) { c.tails[stream_of(2)] = tail_at(0); }), Code::kInvalid);
  EXPECT_EQ(one().tail(stream_of(1)).value(), tail_at(5));
  EXPECT_EQ(commit(one(), 2, "next", {{stream_of(1), tail_at(6)}}).volume.first_index, 3U);
}

TEST_P(CommitStoreContract, APublicationNeverGoesBack) {
  commit(one(), 300, "first");
  Publication first{256,
                    "a note \xe2\x80\x94 signed\n",
                    {{"tile/1/000.p/1", Bytes(32, 7)}},
                    KeptKeys{250, {0, 1, 255}}};
  ASSERT_TRUE(one().publish(0, first));
  const KeptKeys keys = *std::exchange(first.keys, std::nullopt);
  EXPECT_EQ(other().kept_keys().value(), keys);
  EXPECT_EQ(other().publication().value(), first);

  Publication next{
      300, "another", {{"tile/0/001.p/44", Bytes(44 * 32, 9)}, {"x", {}}}, std::nullopt};
  EXPECT_EQ(other().publish(0, next).error().code, Code::kConflict);
  next.size = 301;  // beyond the head
  EXPECT_EQ(other().publish(256, next).error().code, Code::kConflict);
  next.size = 255;
  EXPECT_EQ(other().publish(256, next).error().code, Code::kConflict);
  EXPECT_EQ(one().publication().value(), first);
  next.size = 300;
  ASSERT_TRUE(other().publish(256, next));
  EXPECT_EQ(one().publication().value(), next);
  next.checkpoint = "of the same leaves, signed by one more";
  ASSERT_TRUE(one().publish(300, next));
  EXPECT_EQ(one().publication().value(), next);
  EXPECT_EQ(one().publish(256, next).error().code, Code::kConflict);
  EXPECT_EQ(one().kept_keys().value(), keys) << "they stay where nothing is said of them";
}

TEST_P(CommitStoreContract, APublicationIsBounded) {
  EXPECT_EQ(one().publish(0, {0, std::string((64 << 10) + 1, 'c'), {}, std::nullopt}).error().code,
            Code::kLimit);
  EXPECT_EQ(one().publish(0, {0, "", {{"a\nb", {}}}, std::nullopt}).error().code, Code::kInvalid);
  EXPECT_EQ(one().publish(0, {0, "", {{"a", Bytes((1 << 20) + 1)}}, std::nullopt}).error().code,
            Code::kLimit);
  EXPECT_EQ(one().publish(0, {0, "", {}, KeptKeys{(uint64_t{1} << 40) + 1, {}}}).error().code,
            Code::kLimit);
  EXPECT_EQ(one().publication().value(), Publication());
}

TEST_P(CommitStoreContract, WhoPublishesDoesNotWaitForATurn) {
  commit(one(), 2, "first");
  const auto turn = one().take_turn().value();
  ASSERT_TRUE(other().publish(0, {2, "a note", {}, std::nullopt}));
  EXPECT_TRUE(turn->commit(commit_behind(turn->head(), 1, "second")));
}

INSTANTIATE_TEST_SUITE_P(Each, CommitStoreContract,
                         testing::Values(Kind{"Memory", memory_world},
                                         Kind{"Postgres", postgres_world}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace stele::ledger
