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

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "crypto/ed25519.h"
#include "ledger/head.h"
#include "ledger/publisher.h"
#include "ledger/tails.h"
#include "os/file_system.h"
#include "vault/local_vault.h"

namespace stele::ledger {

struct Appended {
  std::optional<uint64_t> index;  // none: it was there before
  segment::Leaf leaf;
};

/// A segment to append, taken apart and hashed by whoever has it, outside of any lock.
struct Incoming {
  static Result<Incoming> of(ByteSpan segment);
  segment::Header header;
  Hash hash;
  ByteSpan bytes;
};

/// Whether the key `now` may go on with a stream whose last segment was signed by `before`, another
/// one.
using OwnerRule =
    std::function<bool(const segment::HostKeyId& before, const segment::HostKeyId& now)>;

/// Not thread-safe; as many processes (or Ledger objects) as you like may have one directory open.
class Ledger {
 public:
  /// Replays what lies beyond the head's snapshot. kConflict "rolled back" / "head rolled back":
  /// see Recovery in the format page.
  static Result<std::unique_ptr<Ledger>> open(os::FileSystem& files, const Layout& layout,
                                              Clock& clock, LogSigner signer);

  /// Streams belong to whoever the rule says; without one, as at first, to anybody: a directory's
  /// writers all hold its one host key. kPermission: it is another's.
  void set_owner_rule(OwnerRule rule) { owner_rule_ = std::move(rule); }

  /// A volume is closed once it holds so much (kVolumeBytesMax).
  void close_volumes_at(uint64_t bytes) { volume_bytes_max_ = bytes; }

  /// Writes a segment behind all others. Not durable before sync(). The segment that its stream has
  /// last, again with the same bytes: success. kConflict: it can not follow what its stream has.
  Result<Appended> append(ByteSpan segment);

  /// The same for many at once, in their order, in one write; each has a result of its own. Where
  /// the disk became full meanwhile, the first of them may be written; the others have kNoSpace,
  /// and may be appended again. An error of the whole: kNoSpace, and nothing was written; of any
  /// other nothing is known before the ledger is opened anew.
  Result<std::vector<Result<Appended>>> append(std::span<const Incoming> batch);

  /// What the stream's last segment, as far as this object has seen, leaves for the next.
  Result<std::optional<segment::Tail>> tail(const StreamId& stream) const {
    return tails_.find(stream);
  }

  /// What hosts' streams say of their keys, up to size(): from the tails' snapshot and the records
  /// behind it.
  Result<KeyEpochs> key_epochs(const HostKeys& enrolled) const;

  /// Makes everything appended so far durable; shares one fdatasync with all processes that wait
  /// for one. After an error this ledger takes nothing more.
  Status sync();

  /// Brings head, tiles and checkpoint up to what is durable, if a second has passed since anyone
  /// did.
  Status publish_if_due();
  /// The same at once, waiting for whoever is at it; then `size` leaves are covered.
  Status publish_through(uint64_t size);

  /// The checkpoint of a ledger that has no leaf yet.
  Status publish_empty();

  /// Leaves written, by anyone, as far as this object has seen.
  uint64_t size() const { return end().index; }
  /// Leaves covered by a checkpoint, as far as the processes of this boot know.
  uint64_t published() const;
  /// The newest checkpoint; none: there is none yet.
  Result<std::optional<receipt::Checkpoint>> checkpoint() const { return publisher_.published(); }

 private:
  Ledger(os::FileSystem& files, const Layout& layout, Clock& clock, LogSigner signer);

  const vault::Position& end() const { return cursor_->position(); }
  Status recover();
  Result<Head> load_committed();
  Status replay(const Head& head, bool past_cache);
  Status finish_replay(const Head& head, vault::Found found);
  Status check_usable() const;
  Status open_end();
  Status start_volume();
  Result<bool> catch_up();
  class Ahead;
  Result<Appended> place(const Ahead& tails, const Incoming& segment, uint64_t index) const;
  Status write(const Bytes& records, uint64_t count);
  Status publish_locked();
  tl::unexpected<Error> poison(Error error);

  os::FileSystem& files_;
  const Layout layout_;
  Clock& clock_;
  OwnerRule owner_rule_;
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
