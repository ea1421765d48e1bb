#include "ledger/shared_ledger.h"

#include <gtest/gtest.h>

#include "ledger/test_shared.h"

namespace stele::ledger {
namespace {

using Call = MemoryCommitStore::Call;
using CommitFault = MemoryCommitStore::Fault;
using StoreFault = vault::MemoryStore::Fault;

class SharedLedgerTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(one_.open());
    ASSERT_TRUE(other_.open());
  }
  // Where each of them stands; nullopt: it was there before.
  static std::vector<std::optional<uint64_t>> indices(
      const Result<std::vector<Result<Appended>>>& results) {
    EXPECT_TRUE(results) << results.error().message();
    std::vector<std::optional<uint64_t>> found;
    for (const auto& each : results.value()) {
      EXPECT_TRUE(each) << each.error().message();
      found.push_back(each.value().index);
    }
    return found;
  }
  size_t batches() const { return shared_.objects.keys("p/batch/").size(); }
  // The next answer to such a call is this.
  void fail_once(Call call, CommitFault fault) {
    auto left = std::make_shared<bool>(true);
    shared_.commits.set_faults([=](Call now) {
      return now == call && std::exchange(*left, false) ? fault : CommitFault::kNone;
    });
  }
  void fail_once(StoreFault fault) {
    auto left = std::make_shared<bool>(true);
    shared_.objects.set_faults(
        [=] { return std::exchange(*left, false) ? fault : StoreFault::kNone; });
  }

  SharedWorld shared_;
  SharedServer one_{shared_}, other_{shared_};
};

using Indices = std::vector<std::optional<uint64_t>>;

TEST_F(SharedLedgerTest, SegmentsOfManyStreamsAreOneObject) {
  TestStream a = shared_.stream(), b = shared_.stream();
  EXPECT_EQ(indices(one_.append({a.next(), b.next(), a.next()})), (Indices{0, 1, 2}));
  EXPECT_EQ(batches(), 1U);
  EXPECT_EQ(one_.ledger->size(), 3U);
  EXPECT_EQ(check_all(shared_).size(), 3U);
}

TEST_F(SharedLedgerTest, AStreamGoesOnAtAnotherServerAndBack) {
  TestStream a = shared_.stream();
  EXPECT_EQ(indices(one_.append({a.next()})), Indices{0});
  EXPECT_EQ(indices(other_.append({a.next(), a.next()})), (Indices{1, 2}));
  EXPECT_EQ(indices(one_.append({a.next()})), Indices{3});
  EXPECT_EQ(batches(), 3U)
      << "what was remembered of the stream was old, and an object was written "
         "by it all the same only where something could go into it";
  EXPECT_EQ(check_all(shared_).size(), 4U);
}

TEST_F(SharedLedgerTest, TheSameAgainIsSuccessWhereverItIsSent) {
  TestStream a = shared_.stream();
  const std::vector<segment::Sealed> sent = {a.next()};
  EXPECT_EQ(indices(one_.append(sent)), Indices{0});
  EXPECT_EQ(indices(one_.append(sent)), Indices{std::nullopt});
  EXPECT_EQ(indices(other_.append(sent)), Indices{std::nullopt});
  EXPECT_EQ(batches(), 1U);
}

TEST_F(SharedLedgerTest, WhatCanNotFollowIsLeftOut) {
  TestStream a = shared_.stream(), b = shared_.stream();
  const auto first = b.next(), second = b.next();
  const auto results = one_.append({a.next(), second, a.next()});
  ASSERT_TRUE(results);
  EXPECT_EQ((*results)[0]->index, 0U);
  EXPECT_EQ((*results)[1].error().code, Code::kConflict);
  EXPECT_EQ((*results)[2]->index, 1U);
  EXPECT_EQ(check_all(shared_).size(), 2U);
}

TEST_F(SharedLedgerTest, WhatAnotherServerTookMeanwhileIsWrittenWithoutIt) {
  TestStream a = shared_.stream(), b = shared_.stream();
  const auto of_a = a.next(), of_b = b.next();
  // While one's object is on its way.
  bool is_first = true;
  shared_.objects.set_faults([&] {
    if (std::exchange(is_first, false)) {
      EXPECT_EQ(indices(other_.append({of_a})), Indices{0});
    }
    return StoreFault::kNone;
  });
  EXPECT_EQ(indices(one_.append({of_a, of_b})), (Indices{std::nullopt, 1}));
  EXPECT_EQ(batches(), 3U) << "of which one is in no ledger";
  EXPECT_EQ(check_all(shared_).size(), 2U);
}

TEST_F(SharedLedgerTest, OnlyTheIndicesChangeWhereOthersWereFirst) {
  TestStream a = shared_.stream(), b = shared_.stream();
  bool is_first = true;
  shared_.objects.set_faults([&] {
    if (std::exchange(is_first, false)) {
      EXPECT_EQ(indices(other_.append({a.next()})), Indices{0});
    }
    return StoreFault::kNone;
  });
  EXPECT_EQ(indices(one_.append({b.next()})), Indices{1});
  EXPECT_EQ(batches(), 2U) << "no object is written twice for it";
}

TEST_F(SharedLedgerTest, AnAnswerThatWasLostIsLookedFor) {
  TestStream a = shared_.stream();
  fail_once(Call::kCommit, CommitFault::kDoneUnknown);
  EXPECT_EQ(indices(one_.append({a.next()})), Indices{0});
  fail_once(Call::kCommit, CommitFault::kNotDoneUnknown);
  EXPECT_EQ(indices(one_.append({a.next()})), Indices{1});
  EXPECT_EQ(batches(), 2U);
  EXPECT_EQ(check_all(shared_).size(), 2U);
}

TEST_F(SharedLedgerTest, WhoLostTheTurnTakesAnother) {
  TestStream a = shared_.stream();
  fail_once(Call::kCommit, CommitFault::kTurnOver);
  EXPECT_EQ(indices(one_.append({a.next()})), Indices{0});
  EXPECT_EQ(check_all(shared_).size(), 1U);
}

TEST_F(SharedLedgerTest, NobodyAnswersIsLaterAndLosesNothing) {
  TestStream a = shared_.stream();
  const std::vector<segment::Sealed> sent = {a.next()};
  for (const StoreFault fault :
       {StoreFault::kNobodyAnswers, StoreFault::kNotDoneUnknown, StoreFault::kDoneUnknown}) {
    fail_once(fault);
    EXPECT_EQ(one_.append(sent).error().code, Code::kBusy);
  }
  for (const Call call : {Call::kTakeTurn, Call::kTurnTails, Call::kCommit}) {
    fail_once(call, CommitFault::kNobodyAnswers);
    EXPECT_EQ(one_.append(sent).error().code, Code::kBusy);
  }
  // It was done, and then nobody answered what became of it.
  bool is_over = false;
  shared_.commits.set_faults([&](Call call) {
    if (call == Call::kCommit) is_over = true;
    if (call == Call::kCommit) return CommitFault::kDoneUnknown;
    return is_over ? CommitFault::kNobodyAnswers : CommitFault::kNone;
  });
  EXPECT_EQ(one_.append(sent).error().code, Code::kBusy);
  shared_.commits.set_faults(nullptr);
  EXPECT_EQ(indices(one_.append(sent)), Indices{std::nullopt});
  EXPECT_EQ(check_all(shared_).size(), 1U);
}

TEST_F(SharedLedgerTest, AStreamBelongsToItsOwner) {
  TestStream a = shared_.stream();
  EXPECT_EQ(indices(one_.append({a.next()})), Indices{0});
  auto next = a.next();
  Incoming another = Incoming::of(next.bytes).value();
  another.header.host_key = {9};
  other_.ledger->set_owner_rule([](const auto&, const auto&) { return false; });
  EXPECT_EQ((*other_.ledger->append(std::span(&another, 1)))[0].error().code, Code::kPermission);
}

TEST_F(SharedLedgerTest, AnObjectIsLockedAsLongAsTheLatestOfItsLeaves) {
  TestStream a = shared_.stream(), b = shared_.stream(), for_ever = shared_.stream();
  indices(one_.append({for_ever.next()}));
  EXPECT_EQ(shared_.objects.at_least(shared_.objects.keys("p/batch/").front()), WallTime());
  a.keep_as(1);
  b.keep_as(2);
  one_.ledger->set_retention_rule(
      [](uint8_t retention_class, WallTime) { return 30'000U + retention_class; });
  const auto before = shared_.objects.keys("p/batch/");
  indices(one_.append({a.next(), b.next()}));
  for (const std::string& key : shared_.objects.keys("p/batch/")) {
    if (key == before.front()) continue;
    EXPECT_EQ(shared_.objects.at_least(key), WallTime(std::chrono::days(30'003)));
  }
}

TEST_F(SharedLedgerTest, EitherServerCoversWhatBothTook) {
  TestStream a = shared_.stream(), b = shared_.stream();
  for (int i = 0; i < 200; ++i) {
    indices(one_.append({a.next()}));
    indices(other_.append({b.next(), b.next()}));
    SharedServer& server = i % 50 == 7 ? one_ : other_;
    if (i % 50 == 7 || i % 50 == 33) {
      ASSERT_TRUE(server.ledger->publish_through(server.ledger->size()));
    }
  }
  ASSERT_TRUE(one_.ledger->publish_through(600));
  EXPECT_EQ(one_.ledger->published(), 600U);
  EXPECT_EQ(other_.ledger->checkpoint().value()->size, 600U);
  EXPECT_EQ(check_all(shared_).size(), 600U);
  EXPECT_EQ(shared_.objects.keys("p/log/tile/"),
            (std::vector<std::string>{"p/log/tile/0/000", "p/log/tile/0/001",
                                      "p/log/tile/entries/000", "p/log/tile/entries/001"}));
}

TEST_F(SharedLedgerTest, NothingIsSignedThatWasNotReadBack) {
  TestStream a = shared_.stream();
  indices(one_.append({a.next()}));
  shared_.objects.alter(shared_.objects.keys("p/batch/").front(),
                        [](Bytes& bytes) { bytes.back() ^= 1; });
  const Status published = one_.ledger->publish_through(1);
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, Code::kCorrupt);
  EXPECT_EQ(one_.ledger->checkpoint().value(), std::nullopt);
}

TEST_F(SharedLedgerTest, WhoSleptOverACheckpointDoesNotPutItBack) {
  TestStream a = shared_.stream();
  indices(one_.append({a.next()}));
  // While one signs, the other takes more and covers it.
  bool is_first = true;
  shared_.commits.set_faults([&](Call call) {
    if (call != Call::kPublish || !std::exchange(is_first, false)) return CommitFault::kNone;
    return CommitFault::kNobodyAnswers;
  });
  EXPECT_FALSE(one_.ledger->publish_through(1));
  indices(other_.append({a.next()}));
  ASSERT_TRUE(other_.ledger->publish_through(2));
  ASSERT_TRUE(one_.ledger->publish_through(2));
  EXPECT_EQ(one_.ledger->checkpoint().value()->size, 2U);
  check_all(shared_);
}

TEST_F(SharedLedgerTest, AnEmptyLedgerHasACheckpoint) {
  ASSERT_TRUE(one_.ledger->publish_empty());
  EXPECT_EQ(one_.ledger->checkpoint().value()->size, 0U);
  TestStream a = shared_.stream();
  indices(other_.append({a.next()}));
  ASSERT_TRUE(other_.ledger->publish_through(1));
  check_all(shared_);
}

TEST_F(SharedLedgerTest, ADatabaseThatWentBackIsNoticed) {
  TestStream a = shared_.stream();
  indices(one_.append({a.next()}));
  const auto before = shared_.commits.snapshot();
  indices(one_.append({a.next()}));
  ASSERT_TRUE(one_.ledger->publish_through(2));
  shared_.commits.restore(before);
  const Status opened = SharedServer(shared_).open();
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().context.starts_with("head rolled back")) << opened.error().message();
}

TEST_F(SharedLedgerTest, AndWhileServersRunToo) {
  TestStream a = shared_.stream();
  indices(one_.append({a.next()}));
  const auto before = shared_.commits.snapshot();
  const auto second = a.next();
  indices(one_.append({second}));
  shared_.commits.restore(before);
  const auto again = one_.append({second});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kCorrupt);
  EXPECT_TRUE(again.error().context.starts_with("head rolled back")) << again.error().message();
}

TEST_F(SharedLedgerTest, AStoreThatLostSomethingIsNoticed) {
  TestStream a = shared_.stream();
  indices(one_.append({a.next()}));
  shared_.objects.lose(shared_.objects.keys("p/batch/").front());
  const Status opened = SharedServer(shared_).open();
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().context.starts_with("rolled back")) << opened.error().message();
}

TEST_F(SharedLedgerTest, WhatIsHiddenIsReadAllTheSame) {
  TestStream a = shared_.stream();
  for (int i = 0; i < 256; ++i) indices(one_.append({a.next()}));
  ASSERT_TRUE(one_.ledger->publish_through(256));
  for (const std::string& key : shared_.objects.keys("p/batch/")) shared_.objects.hide(key);
  for (const std::string& key : shared_.objects.keys("p/log/tile/")) shared_.objects.hide(key);
  EXPECT_EQ(check_all(shared_).size(), 256U);
  ASSERT_TRUE(SharedServer(shared_).open());
}

TEST_F(SharedLedgerTest, WhatWasWrittenOverIsReadAsItWasWrittenFirst) {
  TestStream a = shared_.stream();
  for (int i = 0; i < 256; ++i) indices(one_.append({a.next()}));
  ASSERT_TRUE(one_.ledger->publish_through(256));
  for (const std::string& key : shared_.objects.keys("p/log/tile/"))
    ASSERT_TRUE(shared_.objects.put(key, Bytes(100, 7), vault::Keep::loosely()));
  EXPECT_EQ(check_all(shared_).size(), 256U);
}

TEST_F(SharedLedgerTest, ACopyOfTheCheckpointThatIsHiddenOrWrittenOverStillTells) {
  TestStream a = shared_.stream();
  indices(one_.append({a.next()}));
  const auto before = shared_.commits.snapshot();
  indices(one_.append({a.next()}));
  ASSERT_TRUE(one_.ledger->publish_through(2));
  ASSERT_TRUE(shared_.objects.put("p/log/checkpoint", Bytes(10, 'x'), vault::Keep::loosely()));
  shared_.objects.hide("p/log/checkpoint");
  ASSERT_TRUE(SharedServer(shared_).open()) << "and is no reason not to begin";
  shared_.commits.restore(before);
  const Status opened = SharedServer(shared_).open();
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().context.starts_with("head rolled back")) << opened.error().message();
  EXPECT_EQ(other_.ledger->publish_through(5).error().code, Code::kInvalid);
  // Nor does whoever published it go on.
  const Status published = one_.ledger->publish_through(3);
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, Code::kCorrupt);
}

TEST_F(SharedLedgerTest, OneCheckpointIsInTheStoreAndItsVersionsDoNotPileUp) {
  TestStream a = shared_.stream();
  for (int i = 0; i < 5; ++i) {
    indices(one_.append({a.next()}));
    ASSERT_TRUE(one_.ledger->publish_through(one_.ledger->size()));
    shared_.world.clock.advance(std::chrono::seconds(11));
  }
  EXPECT_EQ(vault::versions_of(shared_.objects, "p/log/checkpoint").value().size(), 1U);
}

}  // namespace
}  // namespace stele::ledger
