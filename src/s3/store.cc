#include "s3/store.h"

#include <algorithm>

namespace stele::s3 {

template <typename Use>
auto Store::with_bucket(Use use) -> decltype(use(std::declval<Bucket&>())) {
  std::unique_ptr<Bucket> bucket;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      bucket = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!bucket) {
    TRY(Bucket opened, options_.open());
    bucket = std::make_unique<Bucket>(std::move(opened));
  }
  auto result = use(*bucket);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(bucket));
  return result;
}

Result<std::string> Store::put(const std::string& key, ByteSpan bytes, vault::Keep keep) {
  PutOptions how;
  if (keep.is_locked) {
    how.lock =
        Lock{options_.mode, std::max<WallTime>(options_.now() + options_.retain, keep.at_least)};
  }
  return with_bucket([&](Bucket& bucket) { return bucket.put(key, bytes, how); });
}

Result<Bytes> Store::get(const std::string& key, const std::string& version) {
  return with_bucket([&](Bucket& bucket) { return bucket.get(key, version); });
}

Result<vault::ObjectListing> Store::versions(const std::string& prefix,
                                             const vault::ObjectListing& from) {
  Versions before;
  before.next_key = from.next_key;
  before.next_id = from.next_id;
  TRY(Versions listed,
      with_bucket([&](Bucket& bucket) { return bucket.versions(prefix, before); }));
  vault::ObjectListing found{{}, std::move(listed.next_key), std::move(listed.next_id)};
  for (Version& each : listed.found)
    found.found.push_back({std::move(each.key), std::move(each.id), each.is_marker});
  return found;
}

Status Store::remove(const std::string& key, const std::string& version) {
  return with_bucket([&](Bucket& bucket) { return bucket.remove(key, version, false); });
}

}  // namespace stele::s3
