// Where several servers keep what they have agreed on: how far the ledger goes, which object of
// the store holds which leaves, and where each stream stands (docs/formats/commit-store.md).
//
// Invariants
//  1. Who has the turn, and nobody else, can commit; a turn that its owner does not use for
//  kTurnIdleMax is over, and its commit fails.
//  2. A commit is all or nothing, and durable when it returns.
//  3. The volumes, one behind the other, hold the leaves 0 … size − 1, each once.
//  4. A publication never goes back.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "merkle/frontier.h"
#include "segment/chain.h"

namespace stele::ledger {

/// An object of the store that holds leaves and their segments, one behind the other.
struct CommittedVolume {
  uint64_t first_index = 0;
  uint32_t count = 0;  // of leaves
  uint64_t bytes = 0;
  Hash hash{};          // SHA-256 of the object
  std::string key;      // its name in the store
  std::string version;  // the id that the store gave what was written
  bool operator==(const CommittedVolume&) const = default;
};

struct Commit {
  merkle::Frontier next;                    // with the leaves of the volume
  CommittedVolume volume;                   // begins where the head was
  std::map<StreamId, segment::Tail> tails;  // those that moved
};

/// What hosts' streams said of their keys, up to a leaf: as large as the fleet.
struct KeptKeys {
  uint64_t size = 0;
  Bytes bytes;  // as KeyEpochs encodes it; empty: nothing
  bool operator==(const KeptKeys&) const = default;
};

/// What the public log shows beside its full tiles.
struct Publication {
  uint64_t size = 0;
  std::string checkpoint;                // the signed note; empty: there is none yet
  std::map<std::string, Bytes> partial;  // partial tiles, by their path in the log
  std::optional<KeptKeys> keys;          // in the place of those there; not given back with it
  bool operator==(const Publication&) const = default;
};

inline constexpr uint64_t kCommittedLeavesMax = uint64_t{1} << 40;

/// What is wrong with a commit, or a publication, whoever keeps it; nothing was done then.
/// kInvalid: it does not begin where the head is, or says nothing; kLimit: larger than the format's
/// bounds.
Status check(const merkle::Frontier& head, const Commit& commit);
Status check(const Publication& next);
/// kInvalid: a stream's tail would not move on from where it stands.
Status check_moves(const std::map<StreamId, segment::Tail>& now,
                   const std::map<StreamId, segment::Tail>& next);

/// Any thread. Errors of all: kBusy (nobody answers, or all wait; nothing was done), kIo (what
/// answers is not what is wanted: says what), kCorrupt (it holds what was never written),
/// kOutcomeUnknown (it may have been done: look, and compare).
class CommitStore {
 public:
  static constexpr std::chrono::milliseconds kTurnIdleMax{2'000};

  /// The only one at its time; given back when destroyed. One thread.
  class Turn {
   public:
    virtual ~Turn() = default;
    /// All that is committed.
    virtual const merkle::Frontier& head() const = 0;
    /// Where these streams stand; those that have nothing yet are not in it. kConflict: the turn
    /// was over. Whatever goes wrong, it is then.
    virtual Result<std::map<StreamId, segment::Tail>> tails(std::span<const StreamId> streams) = 0;
    /// Ends the turn, whatever comes of it. kConflict: the turn was over, and nothing was done.
    virtual Status commit(const Commit& commit) = 0;
  };

  virtual ~CommitStore() = default;
  /// Waits for those before it.
  virtual Result<std::unique_ptr<Turn>> take_turn() = 0;

  virtual Result<merkle::Frontier> head() = 0;
  virtual Result<std::optional<segment::Tail>> tail(const StreamId& stream) = 0;
  /// The volume that has leaf `index`; nullopt: the ledger does not go so far.
  virtual Result<std::optional<CommittedVolume>> volume_with(uint64_t index) = 0;
  /// Ascending, from the one that begins at or after `index` on, up to `count_max`.
  virtual Result<std::vector<CommittedVolume>> volumes_from(uint64_t index, size_t count_max) = 0;

  virtual Result<Publication> publication() = 0;
  virtual Result<KeptKeys> kept_keys() = 0;
  /// In the place of one of `before` leaves. kConflict: somebody else was there first; the next is
  /// smaller than the one before, or goes beyond the head.
  virtual Status publish(uint64_t before, const Publication& next) = 0;
};

}  // namespace stele::ledger
