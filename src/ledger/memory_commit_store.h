// A CommitStore in memory, for tests and the simulator: nothing in it outlives the process. What
// can go wrong with a real one goes wrong here when it is told to.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

#include "ledger/commit_store.h"

namespace stele::ledger {

/// Servers that share it share the object. It must outlive its turns.
class MemoryCommitStore final : public CommitStore {
 public:
  enum class Call {
    kTakeTurn,
    kTurnTails,
    kCommit,
    kHead,
    kTail,
    kVolumes,
    kPublication,
    kPublish
  };
  enum class Fault {
    kNone,
    kNobodyAnswers,   // kBusy, and nothing was done
    kDoneUnknown,     // a commit or publication: done, and kOutcomeUnknown; else kNobodyAnswers
    kNotDoneUnknown,  // the same, not done
    kTurnOver,        // the turn in which this is called was taken away before
  };
  /// Asked at each call, under the store's lock: it may not call the store.
  using Faults = std::function<Fault(Call)>;

  /// All that a database holds.
  struct State {
    merkle::Frontier head;
    std::map<uint64_t, CommittedVolume> volumes;  // by first_index
    std::map<StreamId, segment::Tail> tails;
    Publication publication;
    KeptKeys keys;
    bool operator==(const State&) const = default;
  };

  /// `turn_wait`: how long take_turn() waits for those before it; then kBusy.
  explicit MemoryCommitStore(std::chrono::milliseconds turn_wait = std::chrono::seconds(10))
      : turn_wait_(turn_wait) {}

  void set_faults(Faults faults);
  /// What the real one does to an owner that is idle for too long.
  void take_turn_away();
  State snapshot() const;
  /// As from a backup; takes the turn away.
  void restore(State state);

  Result<std::unique_ptr<Turn>> take_turn() override;
  Result<merkle::Frontier> head() override;
  Result<std::optional<segment::Tail>> tail(const StreamId& stream) override;
  Result<std::optional<CommittedVolume>> volume_with(uint64_t index) override;
  Result<std::vector<CommittedVolume>> volumes_from(uint64_t index, size_t count_max) override;
  Result<Publication> publication() override;
  Result<KeptKeys> kept_keys() override;
  Status publish(uint64_t before, const Publication& next) override;

 private:
  class MemoryTurn;

  Fault fault(Call call);      // under mutex_
  Status read(Call call);      // under mutex_: kBusy where nobody answers
  void end_turn(uint64_t of);  // under mutex_; nothing where it was over

  const std::chrono::milliseconds turn_wait_;
  mutable std::mutex mutex_;
  std::condition_variable turn_ended_;
  Faults faults_;
  State state_;
  uint64_t turn_ = 0;  // whose it is; 0: nobody's
  uint64_t turns_ = 0;
};

}  // namespace stele::ledger
