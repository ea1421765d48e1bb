#include "vault/memory_store.h"

namespace stele::vault {
namespace {

constexpr size_t kKeysListed = 2;

}  // namespace

Result<std::string> MemoryStore::put(const std::string& key, ByteSpan bytes, Keep keep) {
  const Fault fault = this->fault();
  if (fault == Fault::kNobodyAnswers) return fail(Code::kIo, "store: nobody answers");
  if (fault == Fault::kNotDoneUnknown) return fail(Code::kOutcomeUnknown, "store: no answer came");
  const std::lock_guard lock(mutex_);
  const std::string id = "v" + std::to_string(++ids_);
  objects_[key].push_back(
      {id, false, keep.is_locked, keep.at_least, Bytes(bytes.begin(), bytes.end())});
  if (fault == Fault::kDoneUnknown) return fail(Code::kOutcomeUnknown, "store: no answer came");
  return id;
}

Result<Bytes> MemoryStore::get(const std::string& key, const std::string& version) {
  if (fault() != Fault::kNone) return fail(Code::kIo, "store: nobody answers");
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(key);
  const auto missing = [&] { return fail(Code::kNotFound, key + ": no such object"); };
  if (found == objects_.end()) return missing();
  for (auto each = found->second.rbegin(); each != found->second.rend(); ++each) {
    if (!version.empty() && each->id != version) continue;
    if (each->is_marker) return missing();
    return each->bytes;
  }
  return missing();
}

Result<ObjectListing> MemoryStore::versions(const std::string& prefix, const ObjectListing& from) {
  if (fault() != Fault::kNone) return fail(Code::kIo, "store: nobody answers");
  const std::lock_guard lock(mutex_);
  ObjectListing listed;
  auto at =
      from.next_key.empty() ? objects_.lower_bound(prefix) : objects_.upper_bound(from.next_key);
  for (size_t keys = 0; at != objects_.end() && at->first.starts_with(prefix); ++at, ++keys) {
    if (keys == kKeysListed) return listed;
    for (auto each = at->second.rbegin(); each != at->second.rend(); ++each) {
      listed.found.push_back({at->first, each->id, each->is_marker});
    }
    const auto next = std::next(at);
    const bool goes_on = next != objects_.end() && next->first.starts_with(prefix);
    listed.next_key = goes_on && keys + 1 == kKeysListed ? at->first : "";
  }
  return listed;
}

Status MemoryStore::remove(const std::string& key, const std::string& version) {
  if (fault() != Fault::kNone) return fail(Code::kIo, "store: nobody answers");
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(key);
  if (found == objects_.end()) return {};
  for (auto each = found->second.begin(); each != found->second.end(); ++each) {
    if (each->id != version) continue;
    if (each->is_locked) return fail(Code::kPermission, key + ": it is locked");
    found->second.erase(each);
    break;
  }
  if (found->second.empty()) objects_.erase(found);
  return {};
}

WallTime MemoryStore::at_least(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  return objects_.at(key).front().at_least;
}

void MemoryStore::hide(const std::string& key) {
  const std::lock_guard lock(mutex_);
  objects_[key].push_back({"v" + std::to_string(++ids_), true, false, {}, {}});
}

void MemoryStore::alter(const std::string& key, const std::function<void(Bytes&)>& change) {
  const std::lock_guard lock(mutex_);
  change(objects_.at(key).front().bytes);
}

void MemoryStore::lose(const std::string& key) {
  const std::lock_guard lock(mutex_);
  objects_.erase(key);
}

std::vector<std::string> MemoryStore::keys(const std::string& prefix) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> found;
  for (const auto& [key, versions] : objects_)
    if (key.starts_with(prefix) && !versions.back().is_marker) found.push_back(key);
  return found;
}

}  // namespace stele::vault
