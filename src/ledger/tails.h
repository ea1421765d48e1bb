// Tails: for each stream its owner, next sequence number, last hash and whether it is closed.
// Committed state.
//
// A snapshot on disk (sorted, searched in place) under an overlay of what changed since: a recorder
// of a ledger with a million streams must not hold them all in memory.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "ledger/head.h"
#include "ledger/key_epochs.h"
#include "segment/chain.h"

namespace stele::ledger {

class Tails {
 public:
  /// Nothing known yet.
  Tails() = default;
  /// Opens the snapshot that `head` names and checks its hash; `start` is where replay goes on.
  static Result<Tails> load(os::FileSystem& files, const Layout& layout, const Head& head);

  Result<std::optional<segment::Tail>> find(const StreamId& stream) const;
  /// Takes a leaf of the ledger; kCorrupt if it can not follow its stream's last (checked by
  /// sequence number).
  Status apply(const segment::Leaf& leaf);

  /// The bytes of a snapshot at `next.index` leaves; `keys`: what hosts' streams say up to there.
  Result<Bytes> snapshot(const vault::Position& next, const KeyEpochs& keys) const;
  /// What the loaded snapshot has of hosts' keys.
  Result<KeyEpochs> snapshot_keys() const;

  /// Where replay goes on after the loaded snapshot.
  const vault::Position& start() const { return start_; }
  uint64_t snapshot_count() const { return count_; }

 private:
  struct Entry {
    StreamId stream;
    segment::Tail tail;
  };
  Result<Entry> entry_at(uint64_t index) const;

  std::shared_ptr<os::File> file_;  // the snapshot; null: none
  uint64_t count_ = 0;
  uint32_t keys_bytes_ = 0;
  vault::Position start_;
  std::map<StreamId, segment::Tail> overlay_;
};

}  // namespace stele::ledger
