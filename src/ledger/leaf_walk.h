// LeafWalk: every leaf of a ledger in its order, also those whose volume is not there any more: the
// tiles' bundles have them. Checks nothing.
#pragma once

#include <optional>

#include "vault/vault.h"

namespace stele::ledger {

class LeafWalk {
 public:
  explicit LeafWalk(const vault::Vault& vault) : vault_(vault) {}

  /// Where a segment's bytes are.
  enum class Where { kVolume, kKept, kGone };
  struct Found {
    uint64_t index = 0;
    segment::Leaf leaf;
    Where where = Where::kVolume;
    vault::VolumeName volume;  // but for kGone
    uint64_t offset = 0;       // of the segment's bytes in it
  };
  /// The next leaf; nullopt: nothing more is there now. Leaves that no bundle has are passed over.
  Result<std::optional<Found>> next();
  /// The bytes of the segment that next() found last. kNotFound: they are gone.
  Status read_segment(Bytes& out);

 private:
  struct Kept {
    segment::Leaf leaf;
    vault::VolumeName volume;
    uint64_t offset = 0;
  };
  Result<bool> enter();
  Status pass(const vault::VolumeName& to);
  Status read_kept(uint64_t next);
  std::optional<Found> take_absent();
  bool load_bundle(uint64_t bundle);

  const vault::Vault& vault_;
  std::optional<vault::RecordCursor> cursor_;
  bool stands_ = false;  // the cursor still stands at what was found last
  Found last_;

  uint64_t absent_ = 0, absent_end_ = 0;  // leaves whose volume is not there, still to be told
  std::vector<Kept> kept_;                // of those, in order
  size_t kept_at_ = 0;
  std::optional<uint64_t> bundle_;
  std::vector<segment::Leaf> entries_;
};

}  // namespace stele::ledger
