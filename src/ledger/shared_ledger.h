// The ledger that several servers share: objects in a store, agreed on in a commit store
// (docs/formats/object-store.md, docs/decisions/0020-turns-instead-of-a-leader.md).
//
// Invariants
//  1. An object is in the store, under its hash, before the commit that names it.
//  2. What is refused is refused by where its stream stands in a turn, never by what is remembered.
//  3. What append() returns is committed, and durable: sync() has nothing to do.
#pragma once

#include <map>

#include "ledger/shared_publisher.h"

namespace stele::ledger {

/// As many servers as you like may have one; each has an object of its own. Whatever does not
/// answer is kBusy: nothing is lost, and the same may be submitted again.
class SharedLedger final : public Ledger {
 public:
  /// kConflict "head rolled back", "rolled back": the store has more than the database says, or not
  /// what it says.
  static Result<std::unique_ptr<SharedLedger>> open(SharedParts parts);

  using Ledger::append;
  Result<std::vector<Result<Appended>>> append(std::span<const Incoming> batch) override;
  Result<std::optional<segment::Tail>> tail(const StreamId& stream) const override;
  Result<KeyEpochs> key_epochs(const HostKeys& enrolled) const override;
  Status sync() override { return {}; }
  Status publish_if_due() override;
  Status publish_through(uint64_t size) override;
  Status publish_empty() override;
  uint64_t size() const override { return size_; }
  uint64_t published() const override { return published_; }
  Result<std::optional<receipt::Checkpoint>> checkpoint() const override {
    return publisher_.published();
  }

 private:
  static constexpr Micros kPublishEvery = std::chrono::seconds(1);
  static constexpr int kTriesMax = 8;
  static constexpr size_t kStreamsKnown = 1 << 16;

  using TailMap = std::map<StreamId, segment::Tail>;
  /// A batch as it would be committed.
  struct Placed {
    std::vector<Result<Appended>> results;  // indices from 0 on
    TailMap tails;                          // those that move
    Bytes records;
    std::vector<segment::Leaf> leaves;
  };
  struct Written {
    Hash hash{};
    std::string key, version;
  };

  explicit SharedLedger(SharedParts parts);
  Status recover();
  Placed place_all(std::span<const Incoming> batch, const TailMap& tails, WallTime now) const;
  Result<Placed> guess(std::span<const Incoming> batch, WallTime now);
  Result<Written> write(const Placed& placed, WallTime now);
  /// nullopt: things are not as they were thought to be; `placed` says how they are.
  Result<std::optional<uint64_t>> commit(std::span<const Incoming> batch, const Written& object,
                                         WallTime now, Placed& placed);
  void remember(const TailMap& tails);
  Status publish_now();

  const SharedParts parts_;
  SharedPublisher publisher_;
  TailMap known_;  // where streams stood when they were last seen: a guess
  uint64_t size_ = 0, published_ = 0;
  std::optional<BootTime> publish_tried_;
};

}  // namespace stele::ledger
