// An ObjectStore in memory, for tests and the simulator, in which things go wrong when it is told.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "vault/object_store.h"

namespace stele::vault {

class MemoryStore final : public ObjectStore {
 public:
  enum class Fault {
    kNone,
    kNobodyAnswers,   // and nothing was done
    kDoneUnknown,     // of put: done, and kOutcomeUnknown; else kNobodyAnswers
    kNotDoneUnknown,  // of put: not done, and kOutcomeUnknown; else kNobodyAnswers
  };
  /// Asked before each call, outside the lock.
  void set_faults(std::function<Fault()> faults) { faults_ = std::move(faults); }

  Result<std::string> put(const std::string& key, ByteSpan bytes, Keep keep) override;
  Result<Bytes> get(const std::string& key, const std::string& version) override;
  /// Two keys an answer, so that who reads on is tried.
  Result<ObjectListing> versions(const std::string& prefix, const ObjectListing& from) override;
  /// kPermission: it is locked.
  Status remove(const std::string& key, const std::string& version) override;

  /// What somebody does who may write, and no lock prevents.
  void hide(const std::string& key);
  /// What no interface of a store does: its disks forget.
  void alter(const std::string& key, const std::function<void(Bytes&)>& change);
  void lose(const std::string& key);

  /// What its first version was put with.
  WallTime at_least(const std::string& key) const;
  /// All that begin so and are not hidden.
  std::vector<std::string> keys(const std::string& prefix) const;

 private:
  struct Object {
    std::string id;
    bool is_marker = false, is_locked = false;
    WallTime at_least;
    Bytes bytes;
  };
  Fault fault() { return faults_ ? faults_() : Fault::kNone; }

  std::function<Fault()> faults_;
  mutable std::mutex mutex_;                            // guards what follows
  std::map<std::string, std::vector<Object>> objects_;  // versions, the oldest first
  uint64_t ids_ = 0;
};

}  // namespace stele::vault
