// What a vault needs of an object store that keeps versions (docs/formats/object-store.md).
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace stele::vault {

/// Locked with the store's retention, and until `at_least`; or loosely, since it can be made again.
struct Keep {
  static Keep locked(WallTime at_least = {}) { return {true, at_least}; }
  static Keep loosely() { return {}; }

  bool is_locked = false;
  WallTime at_least{};
};

struct ObjectVersion {
  std::string key, id;
  bool is_marker = false;  // that says the key is deleted; the versions before it are there
  bool operator==(const ObjectVersion&) const = default;
};

/// One answer's worth of a listing.
struct ObjectListing {
  std::vector<ObjectVersion> found;  // by key; of a key the newest first
  std::string next_key, next_id;     // where it goes on; both empty: nowhere
};

/// Any thread. Errors of all: kPermission (refused), kNotFound, kIo (nobody answers), kBusy (it
/// asks to be spared), kOutcomeUnknown (it may have been done), kCorrupt, kLimit, kInvalid.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// Durable when it returns; the version's id.
  virtual Result<std::string> put(const std::string& key, ByteSpan bytes, Keep keep) = 0;
  /// `version` empty: the newest.
  virtual Result<Bytes> get(const std::string& key, const std::string& version) = 0;
  /// Of keys that begin so, from after where `from` ended on.
  virtual Result<ObjectListing> versions(const std::string& prefix, const ObjectListing& from) = 0;
  /// Of what was put loosely.
  virtual Status remove(const std::string& key, const std::string& version) = 0;
};

/// All versions of one key, the newest first; none: it was never written.
Result<std::vector<ObjectVersion>> versions_of(ObjectStore& store, const std::string& key);

/// The first version of a key, or as `get` where it is the only one: what was written once, whoever
/// wrote over it or hid it since. kNotFound: it was never written.
Result<Bytes> get_first(ObjectStore& store, const std::string& key);

/// Success too where its first version has these bytes; kExists: it has others.
Status put_once(ObjectStore& store, const std::string& key, ByteSpan bytes);

}  // namespace stele::vault
