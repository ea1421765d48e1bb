// The ledger, as those see it who append to it and cover it with checkpoints: in a directory
// (directory_ledger.h), or on an object store that several servers share (shared_ledger.h).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ledger/key_epochs.h"
#include "receipt/checkpoint.h"
#include "receipt/note.h"
#include "segment/chain.h"

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

/// Who signs checkpoints; the log's name is its origin.
using LogSigner = std::shared_ptr<const receipt::NoteSigner>;

/// Whether the key `now` may go on with a stream whose last segment was signed by `before`, another
/// one.
using OwnerRule =
    std::function<bool(const segment::HostKeyId& before, const segment::HostKeyId& now)>;

/// Until which day a session's segment of a class is kept that is received then; 0: for ever
/// (docs/formats/policy.md, "Retention").
using RetentionRule = std::function<uint32_t(uint8_t retention_class, WallTime received)>;

/// Not thread-safe.
class Ledger {
 public:
  virtual ~Ledger() = default;

  /// Streams belong to whoever the rule says; without one, as at first, to anybody: a directory's
  /// writers all hold its one host key. kPermission: it is another's.
  void set_owner_rule(OwnerRule rule) { owner_rule_ = std::move(rule); }

  /// What is said of sessions that have a retention class; without a rule, for ever.
  void set_retention_rule(RetentionRule rule) { retention_rule_ = std::move(rule); }

  /// Writes a segment behind all others. Not durable before sync(). The segment that its stream has
  /// last, again with the same bytes: success. kConflict: it can not follow what its stream has.
  Result<Appended> append(ByteSpan segment);

  /// The same for many at once, in their order, in one write; each has a result of its own. Where
  /// there was no room for all, the first of them may be written; the others have kNoSpace, and may
  /// be appended again. An error of the whole: kNoSpace or kBusy (nobody answers), and nothing was
  /// written; of any other nothing is known before the ledger is opened anew.
  virtual Result<std::vector<Result<Appended>>> append(std::span<const Incoming> batch) = 0;

  /// What the stream's last segment, as far as this object has seen, leaves for the next.
  virtual Result<std::optional<segment::Tail>> tail(const StreamId& stream) const = 0;

  /// What hosts' streams say of their keys, up to size().
  virtual Result<KeyEpochs> key_epochs(const HostKeys& enrolled) const = 0;

  /// Makes everything appended so far durable. After an error this ledger takes nothing more.
  virtual Status sync() = 0;

  /// Brings head, tiles and checkpoint up to what is durable, if a second has passed since anyone
  /// did.
  virtual Status publish_if_due() = 0;
  /// The same at once, waiting for whoever is at it; then `size` leaves are covered.
  virtual Status publish_through(uint64_t size) = 0;
  /// The checkpoint of a ledger that has no leaf yet.
  virtual Status publish_empty() = 0;

  /// Leaves written, by anyone, as far as this object has seen.
  virtual uint64_t size() const = 0;
  /// Leaves covered by a checkpoint, as far as this object knows.
  virtual uint64_t published() const = 0;
  /// The newest checkpoint; none: there is none yet.
  virtual Result<std::optional<receipt::Checkpoint>> checkpoint() const = 0;

 protected:
  /// Tails as they will be when a batch is written.
  using TailOf = std::function<Result<std::optional<segment::Tail>>(const StreamId&)>;
  /// Whether it may be written, and the leaf that it will have; without an index: it need not be.
  Result<Appended> place(const TailOf& tail_of, const Incoming& segment, uint64_t index,
                         WallTime now) const;

 private:
  uint32_t retain_until(const segment::Header& header, WallTime received) const;

  OwnerRule owner_rule_;
  RetentionRule retention_rule_;
};

}  // namespace stele::ledger
