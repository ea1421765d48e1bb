// LeafFinder: where in the ledger a segment stands that is sent a second time. Derived: the newest
// leaves from memory, older ones from the tiles' bundles.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>

#include "vault/vault.h"

namespace stele::logsrv {

struct FoundLeaf {
  uint64_t index;
  segment::Leaf leaf;
};

/// Any thread.
class LeafFinder {
 public:
  /// `published`: how many leaves a checkpoint covers now; every later one comes by add().
  LeafFinder(const vault::Vault& vault, uint64_t published,
             size_t remembered_max = size_t{1} << 17);

  void add(uint64_t index, const segment::Leaf& leaf);
  /// nullopt: no leaf of that stream has the number. Reads back from the newest bundle to the
  /// first, where it does not remember. kBusy: it may be one that is in no bundle yet.
  Result<std::optional<FoundLeaf>> find(const StreamId& stream, uint32_t sequence) const;

 private:
  using Key = std::pair<StreamId, uint32_t>;
  Result<std::optional<FoundLeaf>> look_in_bundle(uint64_t bundle, const Key& key,
                                                  uint64_t& seen) const;

  const vault::Vault& vault_;
  const size_t remembered_max_;

  mutable std::mutex mutex_;  // guards what follows
  uint64_t forgotten_;        // leaves below that index are looked for in the bundles
  std::map<Key, FoundLeaf> remembered_;
  std::deque<Key> order_;
};

}  // namespace stele::logsrv
