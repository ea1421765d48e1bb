// The vault of a ledger that several servers share, as it is read: objects of a store, of which the
// commit store says what they hold (docs/formats/object-store.md).
#pragma once

#include <list>
#include <map>
#include <mutex>

#include "ledger/commit_store.h"
#include "vault/object_store.h"
#include "vault/vault.h"

namespace stele::ledger {

/// Any thread. Volumes that were read last are kept in memory, after they were held against their
/// hash.
class SharedVault final : public vault::Vault {
 public:
  static constexpr size_t kKeptBytes = size_t{64} << 20;

  /// `prefix` of all names in the store: "" or "…/".
  SharedVault(CommitStore& commits, vault::ObjectStore& objects, std::string prefix)
      : commits_(commits), objects_(objects), prefix_(std::move(prefix)) {}

  using Vault::volumes;
  Result<std::vector<vault::VolumeName>> volumes(
      std::vector<std::string>* strangers) const override;
  Result<std::optional<vault::VolumeName>> volume_after(
      const vault::VolumeName& name) const override;
  bool has_volume(const vault::VolumeName& name) const override;
  /// kCorrupt: the object is not what was committed.
  Result<std::unique_ptr<os::File>> read_volume(const vault::VolumeName& name) const override;

  Status put_once(const std::string& name, ByteSpan bytes) const override;
  Result<Bytes> get(const std::string& name, size_t bytes_max) const override;
  Result<std::vector<std::string>> list(const std::string& folder) const override;

  std::string path(const vault::VolumeName& name) const override;
  std::string log_path(const std::string& name) const override { return prefix_ + "log/" + name; }

  /// The object of a committed volume, as the store has it now. kCorrupt: not what was committed.
  Result<std::shared_ptr<const Bytes>> fetch(const CommittedVolume& volume) const;

 private:
  Result<std::optional<CommittedVolume>> find(const vault::VolumeName& name) const;
  Result<std::shared_ptr<const Bytes>> read(const CommittedVolume& volume) const;
  void keep(const Hash& hash, const std::shared_ptr<const Bytes>& bytes) const;

  CommitStore& commits_;
  vault::ObjectStore& objects_;
  const std::string prefix_;

  struct Kept {
    Hash hash;
    std::shared_ptr<const Bytes> bytes;
  };
  mutable std::mutex mutex_;      // guards what follows
  mutable std::list<Kept> kept_;  // the one used last in front
  mutable size_t kept_bytes_ = 0;
};

}  // namespace stele::ledger
