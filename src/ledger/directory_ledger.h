// The embedded ledger: a directory that several processes append to at once
// (docs/formats/ledger.md).
//
// Invariants
//  1. A volume is synced before its successor is made: every leaf but the newest volume's is
//  durable.
//  2. durable word ≤ leaves written; it is raised only after an fdatasync that began after they
//  were written.
//  3. The head never names more than what is durable; a checkpoint never more than the head.
//  4. After a failed sync no process of this boot appends again; the next opening re-reads past the
//  page cache.
//  5. What recovery replays, and what a neighbour appended, go through the same function as an own
//  append.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "crypto/ed25519.h"
#include "ledger/head.h"
#include "ledger/ledger.h"
#include "ledger/publisher.h"
#include "ledger/tails.h"
#include "os/file_system.h"
#include "vault/local_vault.h"

namespace stele::ledger {

/// Not thread-safe; as many processes (or Ledger objects) as you like may have one directory open.
class DirectoryLedger final : public Ledger {
 public:
  /// Replays what lies beyond the head's snapshot. kConflict "rolled back" / "head rolled back":
  /// see Recovery in the format page.
  static Result<std::unique_ptr<DirectoryLedger>> open(os::FileSystem& files, const Layout& layout,
                                                       Clock& clock, LogSigner signer);

  /// A volume is closed once it holds so much (kVolumeBytesMax).
  void close_volumes_at(uint64_t bytes) { volume_bytes_max_ = bytes; }

  using Ledger::append;
  Result<std::vector<Result<Appended>>> append(std::span<const Incoming> batch) override;
  Result<std::optional<segment::Tail>> tail(const StreamId& stream) const override {
    return tails_.find(stream);
  }
  /// From the tails' snapshot and the records behind it.
  Result<KeyEpochs> key_epochs(const HostKeys& enrolled) const override;
  /// Shares one fdatasync with all processes that wait for one.
  Status sync() override;
  Status publish_if_due() override;
  Status publish_through(uint64_t size) override;
  Status publish_empty() override;
  uint64_t size() const override { return end().index; }
  /// As far as the processes of this boot know.
  uint64_t published() const override;
  Result<std::optional<receipt::Checkpoint>> checkpoint() const override {
    return publisher_.published();
  }

 private:
  DirectoryLedger(os::FileSystem& files, const Layout& layout, Clock& clock, LogSigner signer);

  const vault::Position& end() const { return cursor_->position(); }
  Status recover();
  Result<Head> load_committed();
  Status replay(const Head& head, bool past_cache);
  Status finish_replay(const Head& head, vault::Found found);
  Status check_usable() const;
  Status open_end();
  Status start_volume();
  Result<bool> catch_up();
  Status write(const Bytes& records, uint64_t count);
  Status publish_locked();
  tl::unexpected<Error> poison(Error error);

  os::FileSystem& files_;
  const Layout layout_;
  Clock& clock_;
  uint64_t volume_bytes_max_ = vault::kVolumeBytesMax;
  vault::LocalVault vault_;
  HeadStore heads_;
  std::unique_ptr<os::SharedWords> words_;
  Publisher publisher_;
  Tails tails_;
  std::optional<vault::RecordCursor> cursor_;  // stands behind the last record seen
  std::unique_ptr<os::File> file_;             // file_volume_, for appending; null: not open
  vault::VolumeName file_volume_;
  bool broken_ = false;
};

}  // namespace stele::ledger
