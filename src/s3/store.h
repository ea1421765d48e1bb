// A vault's store that is a bucket: as many connections as there are threads that use it at once.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "s3/bucket.h"
#include "vault/object_store.h"

namespace stele::s3 {

struct StoreOptions {
  std::function<Result<Bucket>()> open;  // another connection; any thread
  Mode mode = Mode::kCompliance;
  std::chrono::days retain{0};  // how long what is locked is, from when it is written
  std::function<WallTime()> now;
};

class Store final : public vault::ObjectStore {
 public:
  explicit Store(StoreOptions options) : options_(std::move(options)) {}

  Result<std::string> put(const std::string& key, ByteSpan bytes, vault::Keep keep) override;
  Result<Bytes> get(const std::string& key, const std::string& version) override;
  Result<vault::ObjectListing> versions(const std::string& prefix,
                                        const vault::ObjectListing& from) override;
  Status remove(const std::string& key, const std::string& version) override;

 private:
  template <typename Use>
  auto with_bucket(Use use) -> decltype(use(std::declval<Bucket&>()));

  const StoreOptions options_;
  std::mutex mutex_;  // guards idle_
  std::vector<std::unique_ptr<Bucket>> idle_;
};

}  // namespace stele::s3
