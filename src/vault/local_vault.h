// The vault in a directory, whose volumes are appended to until they are closed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "os/file_system.h"
#include "vault/vault.h"

namespace stele::vault {

/// The file system it is given must outlive it.
class LocalVault final : public Vault {
 public:
  LocalVault(os::FileSystem& files, std::string root) : files_(files), root_(std::move(root)) {}

  Status create();
  using Vault::volumes;
  Result<std::vector<VolumeName>> volumes(std::vector<std::string>* strangers) const override;
  Result<std::optional<VolumeName>> volume_after(const VolumeName& name) const override;
  bool has_volume(const VolumeName& name) const override { return files_.exists(path(name)); }
  Result<std::unique_ptr<os::File>> read_volume(const VolumeName& name) const override;
  Result<std::vector<VolumeName>> kept() const override;
  Result<std::unique_ptr<os::File>> read_kept(const VolumeName& name) const override;
  Result<std::unique_ptr<os::File>> append_volume(const VolumeName& name) const;
  /// Makes a new volume, append-only where that can be had.
  Result<std::unique_ptr<os::File>> create_volume(const VolumeName& name) const;
  /// Makes a volume immutable where that can be had; what it holds must be synced.
  void close_volume(const VolumeName& name) const;

  /// For the checkpoint and partial tiles, which can be made again.
  Status replace(const std::string& name, ByteSpan bytes) const;
  Status remove_partial_tile(const std::string& name) const;
  Status put_once(const std::string& name, ByteSpan bytes) const override;
  Result<Bytes> get(const std::string& name, size_t bytes_max) const override;
  Result<std::vector<std::string>> list(const std::string& folder) const override;

  std::string path(const VolumeName& name) const override {
    return root_ + "/volume/" + to_string(name);
  }
  std::string log_path(const std::string& name) const override { return root_ + "/log/" + name; }
  std::string kept_path(const VolumeName& name) const { return root_ + "/kept/" + to_string(name); }
  const std::string& root() const { return root_; }

 private:
  Status make_parent(const std::string& path) const;

  os::FileSystem& files_;
  const std::string root_;
};

}  // namespace stele::vault
