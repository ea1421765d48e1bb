#include "vault/local_vault.h"

#include <algorithm>

namespace stele::vault {

Status LocalVault::create() {
  TRY_VOID(files_.make_directories(root_ + "/volume"));
  return files_.make_directories(root_ + "/log");
}

Result<std::vector<VolumeName>> LocalVault::volumes(std::vector<std::string>* strangers) const {
  TRY(const auto names, files_.list(root_ + "/volume"));
  std::vector<VolumeName> found;
  for (const std::string& name : names) {
    if (const auto volume = parse_volume_name(name)) {
      found.push_back(*volume);
    } else if (strangers != nullptr) {
      strangers->push_back("volume/" + name);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

Result<std::optional<VolumeName>> LocalVault::volume_after(const VolumeName& name) const {
  TRY(const auto all, volumes(nullptr));
  const auto after = std::upper_bound(all.begin(), all.end(), name);
  return after == all.end() ? std::nullopt : std::optional(*after);
}

Result<std::unique_ptr<os::File>> LocalVault::read_volume(const VolumeName& name) const {
  return files_.open_read(path(name));
}

Result<std::vector<VolumeName>> LocalVault::kept() const {
  const auto names = files_.list(root_ + "/kept");
  if (!names && names.error().code == Code::kNotFound) return std::vector<VolumeName>();
  if (!names) return fail(names.error());
  std::vector<VolumeName> found;
  for (const std::string& name : *names)
    if (const auto volume = parse_volume_name(name)) found.push_back(*volume);
  std::sort(found.begin(), found.end());
  return found;
}

Result<std::unique_ptr<os::File>> LocalVault::read_kept(const VolumeName& name) const {
  return files_.open_read(kept_path(name));
}

Result<std::unique_ptr<os::File>> LocalVault::append_volume(const VolumeName& name) const {
  return files_.open_append(path(name));
}

Result<std::unique_ptr<os::File>> LocalVault::create_volume(const VolumeName& name) const {
  TRY(auto file, files_.create_append(path(name)));
  // Best effort by design: `stele status` reads the flag back and says which protection holds.
  (void)files_.protect(path(name), os::Protection::kAppendOnly);
  return file;
}

void LocalVault::close_volume(const VolumeName& name) const {
  (void)files_.protect(path(name), os::Protection::kImmutable);
}

Status LocalVault::make_parent(const std::string& path) const {
  const std::string parent = path.substr(0, path.rfind('/'));
  if (files_.exists(parent)) return {};
  return files_.make_directories(parent);
}

Status LocalVault::put_once(const std::string& name, ByteSpan bytes) const {
  TRY_VOID(make_parent(log_path(name)));
  return files_.put_once(log_path(name), bytes);
}

Status LocalVault::replace(const std::string& name, ByteSpan bytes) const {
  TRY_VOID(make_parent(log_path(name)));
  return files_.replace(log_path(name), bytes);
}

Status LocalVault::remove_partial_tile(const std::string& name) const {
  return files_.remove(log_path(name));
}

Result<Bytes> LocalVault::get(const std::string& name, size_t bytes_max) const {
  return files_.read(log_path(name), bytes_max);
}

Result<std::vector<std::string>> LocalVault::list(const std::string& folder) const {
  return files_.list(log_path(folder));
}

}  // namespace stele::vault
