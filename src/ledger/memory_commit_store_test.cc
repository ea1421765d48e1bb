#include "ledger/memory_commit_store.h"

#include <gtest/gtest.h>

#include "ledger/test_commits.h"

namespace stele::ledger {
namespace {

using Call = MemoryCommitStore::Call;
using Fault = MemoryCommitStore::Fault;

class MemoryCommitStoreTest : public testing::Test {
 protected:
  void fail_once(Call when, Fault how) {
    store_.set_faults([when, how, done = false](Call call) mutable {
      if (call != when || done) return Fault::kNone;
      done = true;
      return how;
    });
  }
  // The commit that was tried, and what came of it.
  Status commit(std::string_view what) {
    const auto turn = store_.take_turn().value();
    tried_ = commit_behind(turn->head(), 2, what);
    tried_.tails[stream_of(1)] = tail_at(static_cast<uint32_t>(turn->head().size()) + 1);
    return turn->commit(tried_);
  }

  MemoryCommitStore store_{std::chrono::milliseconds(0)};
  Commit tried_;
};

TEST_F(MemoryCommitStoreTest, NobodyAnswersAndNothingIsDone) {
  ASSERT_TRUE(commit("first"));
  const auto before = store_.snapshot();
  for (Fault fault : {Fault::kNobodyAnswers, Fault::kDoneUnknown, Fault::kNotDoneUnknown}) {
    const auto busy = [&](Call call, auto&& ask) {
      fail_once(call, fault);
      const auto answer = ask();
      EXPECT_FALSE(answer);
      if (!answer) {
        EXPECT_EQ(answer.error().code, Code::kBusy);
      }
    };
    busy(Call::kTakeTurn, [&] { return store_.take_turn(); });
    busy(Call::kTurnTails,
         [&] { return store_.take_turn().value()->tails(std::vector{stream_of(1)}); });
    busy(Call::kHead, [&] { return store_.head(); });
    busy(Call::kTail, [&] { return store_.tail(stream_of(1)); });
    busy(Call::kVolumes, [&] { return store_.volume_with(0); });
    busy(Call::kVolumes, [&] { return store_.volumes_from(0, 1); });
    busy(Call::kPublication, [&] { return store_.publication(); });
  }
  fail_once(Call::kCommit, Fault::kNobodyAnswers);
  EXPECT_EQ(commit("second").error().code, Code::kBusy);
  fail_once(Call::kPublish, Fault::kNobodyAnswers);
  EXPECT_EQ(store_.publish(0, {2, "", {}, std::nullopt}).error().code, Code::kBusy);
  EXPECT_EQ(store_.snapshot(), before);
  EXPECT_TRUE(commit("second"));
}

TEST_F(MemoryCommitStoreTest, AnUnknownOutcomeIsToldByComparing) {
  fail_once(Call::kCommit, Fault::kNotDoneUnknown);
  EXPECT_EQ(commit("first").error().code, Code::kOutcomeUnknown);
  EXPECT_EQ(store_.volume_with(tried_.volume.first_index).value(), std::nullopt);
  fail_once(Call::kCommit, Fault::kDoneUnknown);
  EXPECT_EQ(commit("second").error().code, Code::kOutcomeUnknown);
  EXPECT_EQ(store_.volume_with(tried_.volume.first_index).value()->hash, tried_.volume.hash);
  EXPECT_EQ(store_.head().value(), tried_.next);

  const Publication publication{2, "a note", {}, std::nullopt};
  fail_once(Call::kPublish, Fault::kNotDoneUnknown);
  EXPECT_EQ(store_.publish(0, publication).error().code, Code::kOutcomeUnknown);
  EXPECT_EQ(store_.publication().value(), Publication());
  fail_once(Call::kPublish, Fault::kDoneUnknown);
  EXPECT_EQ(store_.publish(0, publication).error().code, Code::kOutcomeUnknown);
  EXPECT_EQ(store_.publication().value(), publication);
}

TEST_F(MemoryCommitStoreTest, WhoseTurnWasTakenAwayCanNotCommit) {
  const auto slept = store_.take_turn().value();
  EXPECT_EQ(store_.take_turn().error().code, Code::kBusy);
  store_.take_turn_away();
  ASSERT_TRUE(commit("another's"));
  EXPECT_EQ(slept->commit(commit_behind(slept->head(), 1, "late")).error().code, Code::kConflict);
  EXPECT_EQ(store_.head().value(), tried_.next);

  for (Call call : {Call::kTurnTails, Call::kCommit}) {
    fail_once(call, Fault::kTurnOver);
    const auto turn = store_.take_turn().value();
    const auto tails = turn->tails(std::vector{stream_of(1)});
    EXPECT_EQ(tails.has_value(), call == Call::kCommit);
    EXPECT_EQ(turn->commit(commit_behind(turn->head(), 1, "late")).error().code, Code::kConflict);
  }
  EXPECT_TRUE(commit("next"));
}

TEST_F(MemoryCommitStoreTest, ARestoredOneIsWhatItWas) {
  ASSERT_TRUE(commit("first"));
  const auto old = store_.snapshot();
  ASSERT_TRUE(commit("second"));
  const auto turn = store_.take_turn().value();
  store_.restore(old);
  EXPECT_EQ(turn->commit(commit_behind(turn->head(), 1, "third")).error().code, Code::kConflict);
  EXPECT_EQ(store_.snapshot(), old);
  EXPECT_EQ(store_.head().value().size(), 2U);
  EXPECT_EQ(store_.volume_with(2).value(), std::nullopt);
}

}  // namespace
}  // namespace stele::ledger
