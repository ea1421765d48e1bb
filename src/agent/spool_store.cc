#include "agent/spool_store.h"

namespace stele::agent {

// Of spool.h: what leaves the spool as it was, so that others can go on.
Status SharedSpool::note_failure(Status status) {
  if (status) return status;
  switch (status.error().code) {
    case Code::kLimit:
    case Code::kNoSpace:
    case Code::kConflict:
    case Code::kInvalid:
      break;
    default:
      if (!failed_) failed_ = status.error();
  }
  return status;
}

Status SharedSpool::append(ByteSpan segment, uint64_t taken, uint32_t owner, spool::Room room) {
  const std::lock_guard lock(mutex_);
  TRY_VOID(note_failure(spool_->append(segment, taken, owner, room)));
  ++appended_;
  return {};
}

Status SharedSpool::sync() {
  {
    const std::lock_guard lock(mutex_);
    if (synced_ == appended_) return {};
    Status done = spool_->sync();
    if (!done) {
      if (!failed_) failed_ = done.error();
      return done;
    }
    synced_ = appended_;
  }
  synced_more_.notify_all();
  return {};
}

uint64_t SharedSpool::wait_synced(uint64_t known, Micros longest) {
  std::unique_lock lock(mutex_);
  synced_more_.wait_for(lock, longest, [&] { return synced_ > known || woken_; });
  woken_ = false;
  return synced_;
}

void SharedSpool::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  synced_more_.notify_all();
}

std::optional<Error> SharedSpool::failure() const {
  const std::lock_guard lock(mutex_);
  return failed_;
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
