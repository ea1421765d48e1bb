#include "server/checkpoint_memory.h"

#include <utility>

namespace stele::server {

void CheckpointMemory::add(const receipt::Checkpoint& published) {
  const std::lock_guard lock(mutex_);
  published_.emplace(published.size, published.root);
  if (published_.size() > kMost) published_.erase(published_.begin());
}

CheckpointMemory::Found CheckpointMemory::look(uint64_t size, const Hash& root) const {
  const std::lock_guard lock(mutex_);
  if (size == 0) return Found::kAgrees;
  if (published_.empty() || size > published_.rbegin()->first) return Found::kBeyond;
  const auto found = published_.find(size);
  if (found == published_.end()) return Found::kNotKnown;
  return found->second == root ? Found::kAgrees : Found::kContradicts;
}

bool CheckpointMemory::is_to_be_told(const std::string& host, uint64_t size, Found found) {
  if (found != Found::kBeyond && found != Found::kContradicts) return false;
  const std::lock_guard lock(mutex_);
  Doubt& doubt = doubts_[host];
  if (doubt.size != size) doubt = {.size = size};
  if (found == Found::kBeyond && ++doubt.beyond < 2) return false;
  return !std::exchange(doubt.was_told, true);
}

}  // namespace stele::server
