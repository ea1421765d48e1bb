// The agent's spool as a store of sessions: many sealers' threads and the shipper share it.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

#include "agent/store.h"
#include "spool/spool.h"

namespace stele::agent {

/// One lock around the spool. Who waits for it while another syncs finds its own segments synced
/// with the next: group commit.
class SharedSpool {
 public:
  explicit SharedSpool(std::unique_ptr<spool::Spool> spool) : spool_(std::move(spool)) {}

  Status append(ByteSpan segment, uint64_t taken, uint32_t owner, spool::Room room);
  /// Returns when everything that the caller appended is durable.
  Status sync();
  /// Returns when something was synced since the caller last knew of `known` segments, or so much
  /// time has passed; how many were synced by then.
  uint64_t wait_synced(uint64_t known, Micros longest);
  /// Wakes who waits there.
  void wake();
  /// Why the spool can not be used any more, until another process opens it anew.
  std::optional<Error> failure() const;

  /// Runs `work` with the spool while nobody else has it.
  template <typename Work>
  auto with(const Work& work) {
    const std::lock_guard lock(mutex_);
    return work(*spool_);
  }

 private:
  Status note_failure(Status status);

  mutable std::mutex mutex_;  // guards all
  std::condition_variable synced_more_;
  const std::unique_ptr<spool::Spool> spool_;
  uint64_t appended_ = 0, synced_ = 0;  // segments
  bool woken_ = false;
  std::optional<Error> failed_;
};

/// One session's.
class SpoolStore : public Store {
 public:
  /// `durable`: told, on the sealer's thread, how many of the session's events are durable.
  SpoolStore(SharedSpool& spool, uint32_t owner, spool::Room room,
             std::function<void(uint64_t taken)> durable)
      : spool_(spool), owner_(owner), room_(room), durable_(std::move(durable)) {}

  Status append(ByteSpan segment, uint64_t taken) override;
  Status sync() override;
  /// Shipping is not the session's to wait for.
  Result<bool> cover(bool) override { return false; }

 private:
  SharedSpool& spool_;
  const uint32_t owner_;
  const spool::Room room_;
  const std::function<void(uint64_t taken)> durable_;
  uint64_t taken_ = 0;
};

}  // namespace stele::agent
