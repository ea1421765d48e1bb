#include "vault/object_store.h"

namespace stele::vault {

Result<std::vector<ObjectVersion>> versions_of(ObjectStore& store, const std::string& key) {
  std::vector<ObjectVersion> found;
  ObjectListing listed;
  do {
    TRY(listed, store.versions(key, listed));
    for (ObjectVersion& each : listed.found) {
      if (each.key != key) return found;  // keys that go on after this one come behind it
      found.push_back(std::move(each));
    }
  } while (!listed.next_key.empty() || !listed.next_id.empty());
  return found;
}

Result<Bytes> get_first(ObjectStore& store, const std::string& key) {
  TRY(const auto versions, versions_of(store, key));
  for (auto each = versions.rbegin(); each != versions.rend(); ++each)
    if (!each->is_marker) return store.get(key, each->id);
  return fail(Code::kNotFound, key + ": no such object");
}

Status put_once(ObjectStore& store, const std::string& key, ByteSpan bytes) {
  const auto there = get_first(store, key);
  if (there) {
    if (equal(*there, bytes)) return {};
    return fail(Code::kExists, key + ": holds something else");
  }
  if (there.error().code != Code::kNotFound) return fail(there.error());
  TRY_VOID(store.put(key, bytes, Keep::locked()));
  return {};
}

}  // namespace stele::vault
