// The tree as the public log tells it: which leaf hashes the checkpoint commits to, and which files
// say otherwise.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ledger/verify.h"
#include "merkle/tree.h"
#include "segment/leaf.h"

namespace stele::ledger {

class TreeCheck {
 public:
  /// Reads the checkpoint's partial tiles at once: two checkpoints later they may be gone
  /// (read_tree()).
  TreeCheck(const vault::Vault& vault, const receipt::Checkpoint& checkpoint);

  /// Finds the leaf hashes that give the checkpoint's root: in the tiles, the bundles, the volumes,
  /// or by agreement of two of them. False: nothing there gives it.
  bool establish();
  /// Faults of tiles and bundles held against the established hashes, those of older checkpoints
  /// too; and files that are neither.
  std::vector<Fault> check_files();
  /// Of the tiles that check_files() saw beyond the checkpoint, those that are beyond so many
  /// leaves too: no log of ours puts one there, and ours could not put its own there once it has so
  /// many.
  std::vector<Fault> check_beyond(uint64_t leaves) const;

  const receipt::Checkpoint& checkpoint() const { return checkpoint_; }
  /// Some of the checkpoint's partial tiles were not there.
  bool lacks_partial_tiles() const;
  bool established() const { return !leaves_.empty() || checkpoint_.size == 0; }
  /// What kept establish() from reading all there is, if anything did: an error of the device or
  /// the system, not of the ledger.
  const std::optional<Error>& unreadable() const { return unreadable_; }
  const std::vector<Hash>& leaves() const { return leaves_; }
  /// Which leaf has this hash; nullopt: none.
  std::optional<uint64_t> index_of(const Hash& leaf_hash) const;
  /// The leaf itself, from its bundle, if that is right.
  std::optional<segment::Leaf> leaf(uint64_t index) const;
  /// The leaves from `first` up to before `next`, in order; nullopt: as above.
  void each_leaf(
      uint64_t first, uint64_t next,
      const std::function<void(uint64_t index, const std::optional<segment::Leaf>&)>& take) const;
  /// Root of the first `size` leaves, size ≤ checkpoint's.
  Hash root_at(uint64_t size) const;

 private:
  using Account =
      std::vector<std::optional<Hash>>;  // one account of the leaves; nullopt: it does not say
  Account from_tiles();
  Account from_bundles();
  Account from_volumes();
  void note_unread(const Error& error);
  bool believe(const Account& account);
  std::vector<std::vector<Hash>> levels() const;
  Result<Bytes> read(const merkle::Tile& tile) const;
  void check_tile(const merkle::Tile& tile, const Result<Bytes>& bytes,
                  const std::vector<Hash>& level, std::vector<Fault>& faults) const;
  void check_bundle(const merkle::Tile& tile, const Result<Bytes>& bytes,
                    std::vector<Fault>& faults) const;
  void check_others(const std::string& folder, const std::vector<std::vector<Hash>>& levels,
                    std::vector<Fault>& faults);

  const vault::Vault& vault_;
  const receipt::Checkpoint checkpoint_;
  std::map<merkle::Tile, Result<Bytes>> partial_;
  std::vector<Hash> leaves_;
  std::optional<Error> unreadable_;
  std::vector<merkle::Tile> beyond_;
  struct FirstBytes {
    size_t operator()(const Hash& h) const {
      size_t v = 0;
      std::memcpy(&v, h.data(), sizeof v);
      return v;
    }
  };
  mutable std::unordered_map<Hash, uint64_t, FirstBytes> by_hash_;  // made when first asked for
};

/// The tree of the checkpoint that `read` gives. Where newer ones have taken its partial tiles away
/// since it was read, `read` is asked again. nullopt: it gives none.
std::optional<TreeCheck> read_tree(const vault::Vault& vault,
                                   const std::function<std::optional<receipt::Checkpoint>()>& read);

}  // namespace stele::ledger
