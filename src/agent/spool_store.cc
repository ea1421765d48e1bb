#include "agent/spool_store.h"

namespace stele::agent {

Status SharedSpool::append(ByteSpan segment, uint64_t taken, uint32_t owner, spool::Room room) {
  const std::lock_guard lock(mutex_);
  TRY_VOID(spool_->append(segment, taken, owner, room));
  ++appended_;
  return {};
}

Status SharedSpool::sync() {
  const std::lock_guard lock(mutex_);
  if (synced_ == appended_) return {};
  TRY_VOID(spool_->sync());
  synced_ = appended_;
  return {};
}

Status SpoolStore::append(ByteSpan segment, uint64_t taken) {
  TRY_VOID(spool_.append(segment, taken, owner_, room_));
  taken_ = taken;
  return {};
}

Status SpoolStore::sync() {
  TRY_VOID(spool_.sync());
  durable_(taken_);
  return {};
}

}  // namespace stele::agent
