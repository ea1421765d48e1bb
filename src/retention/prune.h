// Prune: removes what has lawfully expired from a vault in a directory, a volume at a time
// (docs/formats/prune-stream.md). Nothing else in stele deletes what is recorded.
//
// Invariants
//  1. What is for ever of a volume is durable in vault/kept, and a record that names the volume is
//  covered by a checkpoint, before anything of it is removed.
//  2. Nothing goes under a hold that any leaf before the removal places: the append lock is held
//  meanwhile.
//  3. A crash in between leaves more than it should, never less; running it again is right.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "ledger/directory_ledger.h"
#include "ledger/expiry.h"
#include "ledger/keys.h"
#include "ledger/leaf_walk.h"
#include "ledger/tree_check.h"
#include "segment/sealer.h"
#include "vault/local_vault.h"

namespace stele::retention {

/// A volume, and whether it may go.
struct Volume {
  vault::VolumeName name;
  uint64_t next = 0;  // the leaf behind its last
  uint64_t bytes = 0;
  std::set<StreamId> sessions = {};
  std::string stays = {};  // why; empty: it may go
};

/// One thread.
class Prune {
 public:
  /// Both must outlive it.
  Prune(os::FileSystem& files, ledger::Layout layout, Clock& clock)
      : files_(files),
        layout_(std::move(layout)),
        clock_(clock),
        vault_(files, layout_.vault()),
        walk_(vault_) {}

  /// Reads the whole ledger's leaves, and looks at every volume. kCorrupt: they are not what the
  /// checkpoint commits to; verification says more.
  Status look();
  const std::vector<Volume>& volumes() const { return volumes_; }
  /// The day that counts: what was kept until an earlier one may go.
  uint32_t day() const { return day_; }

  /// Says of all volumes that may go that they expired, as the ledger's last leaf, and then removes
  /// them. What a hold came over meanwhile stays, and says so. kPermission: the policy names
  /// another key, or a volume's flag can not be lifted.
  Status remove(const ledger::PrivateKey& key, ledger::LogSigner log, const RandomSource& random);

 private:
  Status load();
  Status read_on();
  Status take(const ledger::LeafWalk::Found& found);
  Status take_holds(const ledger::LeafWalk::Found& found);
  void judge();
  Status check_key(const ledger::PrivateKey& key) const;
  Status keep(const Volume& volume);
  Result<segment::Sealed> seal_record(const ledger::PrivateKey& key,
                                      const RandomSource& random) const;
  Status remove_volume(const Volume& volume);
  bool may_go() const;

  os::FileSystem& files_;
  const ledger::Layout layout_;
  Clock& clock_;
  const vault::LocalVault vault_;
  ledger::PolicyHistory policies_;
  ledger::HostKeys hosts_;
  std::optional<ledger::TreeCheck> tree_;
  std::optional<ledger::Expiry> expiry_;
  ledger::LeafWalk walk_;
  vault::VolumeName needed_;  // a ledger that is opened reads on from here
  uint64_t index_ = 0;        // the leaf that is read next
  uint32_t day_ = 0;
  std::vector<Volume> volumes_;
};

}  // namespace stele::retention
