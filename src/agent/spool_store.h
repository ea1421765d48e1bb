// The agent's spool as a store of sessions: many sealers' threads and the shipper share it.
#pragma once

#include <functional>
#include <mutex>

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

  /// Runs `work` with the spool while nobody else has it.
  template <typename Work>
  auto with(const Work& work) {
    const std::lock_guard lock(mutex_);
    return work(*spool_);
  }

 private:
  std::mutex mutex_;  // guards all
  const std::unique_ptr<spool::Spool> spool_;
  uint64_t appended_ = 0, synced_ = 0;  // segments
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
