// SharedPublisher: from committed leaves to tiles and checkpoint, in a ledger that several servers
// share. Off the path of acknowledgement; any of them may do it, at once too.
#pragma once

#include "ledger/commit_store.h"
#include "ledger/ledger.h"
#include "ledger/shared_vault.h"
#include "merkle/tile_builder.h"

namespace stele::ledger {

struct SharedParts {
  CommitStore& commits;
  vault::ObjectStore& objects;
  SharedVault& vault;
  Clock& clock;
  LogSigner signer;
  std::string prefix;                          // of names in the store
  std::function<Result<HostKeys>()> enrolled;  // the hosts' keys as they are now
};

/// What the leaves from `from` to before `to` say of hosts' keys; as the other replay_keys().
Status replay_keys(KeyEpochs& epochs, const SharedParts& parts, uint64_t from, uint64_t to,
                   const HostKeys& enrolled);

/// One thread.
class SharedPublisher {
 public:
  explicit SharedPublisher(SharedParts parts);

  /// Covers all that is committed: each object is read back, and each segment held against its
  /// leaf; then full tiles, and partial ones with the checkpoint, unless another server was first.
  /// kCorrupt: something is not what was committed; nothing is signed.
  Status publish();

  /// The newest checkpoint; none: there is none yet.
  Result<std::optional<receipt::Checkpoint>> published() const;

  /// kConflict "head rolled back": the store has a checkpoint of more than is committed, or of
  /// something else.
  Status check_head() const;

 private:
  static constexpr uint64_t kKeysEvery = 1024;  // leaves
  static constexpr Micros kCopyEvery = std::chrono::seconds(10);

  Result<std::optional<receipt::Checkpoint>> open(const std::string& note) const;
  Status begin(const Publication& from);
  Status take_volume(const CommittedVolume& volume);
  Status take_record(const segment::Leaf& leaf, ByteSpan segment);
  Status write(const Publication& before, const merkle::Frontier& head);
  Status put_keys(Publication& next);
  void put_copy(const std::string& checkpoint);

  const SharedParts parts_;
  const receipt::VerifierKey key_;
  bool has_begun_ = false;
  merkle::TileBuilder tree_;
  KeyEpochs epochs_;        // at tree_.size()
  uint64_t keys_size_ = 0;  // of those that are kept
  std::optional<HostKeys> enrolled_;
  uint64_t seen_ = 0;  // leaves of the newest publication that was there
  std::optional<BootTime> copied_at_;
};

}  // namespace stele::ledger
