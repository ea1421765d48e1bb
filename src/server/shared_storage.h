// A ledger on an object store and a database, which several servers may share
// (docs/formats/object-store.md).
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "ledger/shared_ledger.h"
#include "server/storage.h"
#include "server/store.h"

namespace stele::server {

struct SharedConfig {
  StoreConfig store;
  std::chrono::days retain{0};  // how long a volume is locked
  bool is_required = true;      // nothing is begun on a store that fails the probe
  Micros probe_every{0};
  std::string commits;  // a file of libpq's options
};

class SharedStorage final : public Storage {
 public:
  /// Tries the store, opens the database, and remembers in the directory which they are. kConflict:
  /// the directory has another ledger; kUnsupported: the store fails the probe.
  static Result<std::unique_ptr<SharedStorage>> open(os::FileSystem& files,
                                                     const ledger::Layout& layout, Clock& clock,
                                                     SharedConfig config);
  ~SharedStorage() override { stop(); }

  const vault::Vault& vault() const override { return *vault_; }
  Result<std::unique_ptr<ledger::Ledger>> open_ledger() override;
  /// Begins the thread "probe": tells what the last one found, and tries it again on schedule.
  void start(OwnStream& own) override;
  void stop() override;

 private:
  SharedStorage(os::FileSystem& files, ledger::Layout layout, Clock& clock, SharedConfig config);
  Status claim_directory();
  void probe_on_schedule(OwnStream& own);
  void tell(OwnStream& own, const s3::Proof& proof) const;

  os::FileSystem& files_;
  const ledger::Layout layout_;
  Clock& clock_;
  const SharedConfig config_;
  ledger::LogSigner signer_;
  std::optional<s3::Proof> proof_;  // the last
  std::unique_ptr<ledger::CommitStore> commits_;
  std::unique_ptr<vault::ObjectStore> objects_;
  std::unique_ptr<ledger::SharedVault> vault_;

  std::mutex mutex_;  // guards stopping_
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace stele::server
