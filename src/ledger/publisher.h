// Publisher: from durable leaves to head, tiles and checkpoint. Off the path of acknowledgement.
#pragma once

#include <memory>
#include <optional>

#include "ledger/head.h"
#include "ledger/ledger.h"
#include "ledger/tails.h"
#include "merkle/tile_builder.h"
#include "vault/local_vault.h"

namespace stele::ledger {

/// All but load_head() under the ledger's publish lock. Keeps what it knows from one time to the
/// next; another process may have published in between.
class Publisher {
 public:
  Publisher(os::FileSystem& files, const Layout& layout, LogSigner signer);

  /// Covers every leaf below `durable`: re-reads and re-hashes each record since the head, then
  /// head → full tiles → partial tiles → checkpoint. kCorrupt: a record is not what was written;
  /// nothing is signed.
  Status publish(uint64_t durable);

  /// The head, if the public log can belong to it. kConflict: it is ahead ("head rolled back") or
  /// has another root.
  Result<Head> load_head() const;
  /// The newest checkpoint; none: there is none yet.
  Result<std::optional<receipt::Checkpoint>> published() const;

 private:
  Status follow(const Head& head);
  Status take_record();
  Status follow_record();
  Status commit(const Head& head);
  Status snapshot_tails(const Head& head, Head& next);
  Status write_log(uint64_t size_before);
  Status republish(const Head& head, const std::optional<receipt::Checkpoint>& before);
  void remove_stale_tiles(uint64_t keep, uint64_t current);

  os::FileSystem& files_;
  const Layout layout_;
  const LogSigner signer_;
  const receipt::VerifierKey key_;
  vault::LocalVault vault_;
  HeadStore heads_;

  // At cursor_->position().index leaves, all four.
  merkle::TileBuilder tree_;
  Tails tails_;
  KeyEpochs epochs_;
  std::optional<vault::RecordCursor> cursor_;
  Bytes segment_;
  std::optional<HostKeys> enrolled_;  // read when a host's stream asks for it, once a publication
};

}  // namespace stele::ledger
