#include "agent/store.h"

namespace stele::agent {

Status LedgerStore::append(ByteSpan segment, uint64_t) {
  TRY_VOID(ledger_->append(segment));
  written_ = ledger_->size();
  return {};
}

Result<bool> LedgerStore::cover(bool now) {
  TRY_VOID(now ? ledger_->publish_through(written_) : ledger_->publish_if_due());
  return ledger_->published() < written_;
}

}  // namespace stele::agent
