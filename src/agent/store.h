// Where a session's sealed segments go: a ledger in a directory, or the agent's spool.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "ledger/ledger.h"

namespace stele::agent {

/// One session's. One caller thread. After an error it may be thrown away and made anew: what was
/// synced stays, of the rest some may be there.
class Store {
 public:
  virtual ~Store() = default;
  /// Puts a segment behind its stream's last; not durable before sync(). `taken`: how many of the
  /// session's events are in this segment and those before it. kConflict: it is there already, and
  /// others follow it, or it can not follow.
  virtual Status append(ByteSpan segment, uint64_t taken) = 0;
  /// Makes durable what was appended.
  virtual Status sync() = 0;
  /// Makes provable what was synced: all of it if `now`, else if it is time. True: some of it is
  /// still owed, about a second from now.
  virtual Result<bool> cover(bool now) = 0;
};

/// The embedded ledger.
class LedgerStore : public Store {
 public:
  explicit LedgerStore(std::unique_ptr<ledger::Ledger> ledger) : ledger_(std::move(ledger)) {}

  Status append(ByteSpan segment, uint64_t taken) override;
  Status sync() override { return ledger_->sync(); }
  Result<bool> cover(bool now) override;

 private:
  const std::unique_ptr<ledger::Ledger> ledger_;
  uint64_t written_ = 0;  // leaves in the ledger when the last segment was in
};

}  // namespace stele::agent
