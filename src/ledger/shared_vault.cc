#include "ledger/shared_vault.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "crypto/sha256.h"

namespace stele::ledger {
namespace {

constexpr size_t kVolumesListed = 10'000;

/// An object that was read.
class ObjectFile final : public os::File {
 public:
  explicit ObjectFile(std::shared_ptr<const Bytes> bytes) : bytes_(std::move(bytes)) {}
  Result<size_t> read_at(uint64_t offset, MutableByteSpan out) override {
    if (offset >= bytes_->size()) return size_t{0};
    const size_t count = std::min<size_t>(out.size(), bytes_->size() - offset);
    std::memcpy(out.data(), bytes_->data() + offset, count);
    return count;
  }
  Status append(std::initializer_list<ByteSpan>) override { return not_written_to(); }
  Status sync() override { return not_written_to(); }
  Result<uint64_t> size() override { return bytes_->size(); }
  void drop_cache() override {}

 private:
  static Status not_written_to() {
    return fail(Code::kUnsupported, "an object is written whole, and never again");
  }

  const std::shared_ptr<const Bytes> bytes_;
};

vault::VolumeName name_of(const CommittedVolume& volume) { return {volume.first_index, 0}; }

}  // namespace

// What else lies among the objects is no fault: a batch that lost its turn is in no ledger.
Result<std::vector<vault::VolumeName>> SharedVault::volumes(std::vector<std::string>*) const {
  std::vector<vault::VolumeName> all;
  for (uint64_t from = 0;;) {
    TRY(const auto some, commits_.volumes_from(from, kVolumesListed));
    for (const CommittedVolume& volume : some) all.push_back(name_of(volume));
    if (some.size() < kVolumesListed) return all;
    from = some.back().first_index + 1;
  }
}

Result<std::optional<vault::VolumeName>> SharedVault::volume_after(
    const vault::VolumeName& name) const {
  TRY(const auto next, commits_.volumes_from(name.first_index + 1, 1));
  if (next.empty()) return std::nullopt;
  return name_of(next.front());
}

Result<std::optional<CommittedVolume>> SharedVault::find(const vault::VolumeName& name) const {
  if (name.attempt != 0) return std::nullopt;
  TRY(auto found, commits_.volumes_from(name.first_index, 1));
  if (found.empty() || found.front().first_index != name.first_index) return std::nullopt;
  return std::move(found.front());
}

bool SharedVault::has_volume(const vault::VolumeName& name) const {
  const auto found = find(name);
  return found && *found;
}

Result<std::unique_ptr<os::File>> SharedVault::read_volume(const vault::VolumeName& name) const {
  TRY(const auto volume, find(name));
  if (!volume) return fail(Code::kNotFound, "volume " + to_string(name) + ": there is none");
  TRY(auto bytes, read(*volume));
  return std::make_unique<ObjectFile>(std::move(bytes));
}

Result<std::shared_ptr<const Bytes>> SharedVault::read(const CommittedVolume& volume) const {
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(kept_.begin(), kept_.end(),
                                    [&](const Kept& each) { return each.hash == volume.hash; });
    if (found != kept_.end()) {
      kept_.splice(kept_.begin(), kept_, found);
      return found->bytes;
    }
  }
  return fetch(volume);
}

Result<std::shared_ptr<const Bytes>> SharedVault::fetch(const CommittedVolume& volume) const {
  auto bytes = objects_.get(volume.key, volume.version);
  if (!bytes) return fail(std::move(bytes).error());
  if (bytes->size() != volume.bytes || crypto::sha256(*bytes) != volume.hash)
    return fail(Code::kCorrupt, volume.key + ": is not what was committed");
  auto read = std::make_shared<const Bytes>(*std::move(bytes));
  keep(volume.hash, read);
  return read;
}

void SharedVault::keep(const Hash& hash, const std::shared_ptr<const Bytes>& bytes) const {
  const std::lock_guard lock(mutex_);
  const bool is_kept =
      std::any_of(kept_.begin(), kept_.end(), [&](const Kept& each) { return each.hash == hash; });
  if (is_kept) return;
  kept_.push_front({hash, bytes});
  kept_bytes_ += bytes->size();
  while (kept_bytes_ > kKeptBytes && kept_.size() > 1) {
    kept_bytes_ -= kept_.back().bytes->size();
    kept_.pop_back();
  }
}

Status SharedVault::put_once(const std::string& name, ByteSpan bytes) const {
  return vault::put_once(objects_, log_path(name), bytes);
}

// A tile's first version: whoever wrote over it, or hid it, came later.
Result<Bytes> SharedVault::get(const std::string& name, size_t bytes_max) const {
  if (name == "checkpoint" || name.find(".p/") != std::string::npos) {
    TRY(const Publication publication, commits_.publication());
    if (name != "checkpoint") {
      const auto found = publication.partial.find(name);
      if (found == publication.partial.end()) return fail(Code::kNotFound, name + ": not there");
      return found->second;
    }
    if (publication.checkpoint.empty()) return fail(Code::kNotFound, "checkpoint: there is none");
    const ByteSpan note = as_bytes(publication.checkpoint);
    return Bytes(note.begin(), note.end());
  }
  auto bytes = vault::get_first(objects_, log_path(name));
  if (bytes && bytes->size() > bytes_max) return fail(Code::kLimit, name + ": is too large");
  return bytes;
}

Result<std::vector<std::string>> SharedVault::list(const std::string& folder) const {
  std::set<std::string> names;
  const auto add = [&](std::string_view under) {
    if (under.starts_with(folder + "/")) {
      under.remove_prefix(folder.size() + 1);
      names.emplace(under.substr(0, under.find('/')));
    }
  };
  vault::ObjectListing listed;
  do {
    TRY(listed, objects_.versions(log_path(folder) + "/", listed));
    for (const vault::ObjectVersion& each : listed.found)
      add(std::string_view(each.key).substr(prefix_.size() + std::string_view("log/").size()));
  } while (!listed.next_key.empty() || !listed.next_id.empty());
  TRY(const Publication publication, commits_.publication());
  for (const auto& [path, bytes] : publication.partial) add(path);
  if (names.empty()) return fail(Code::kNotFound, log_path(folder) + ": nothing is there");
  return std::vector<std::string>(names.begin(), names.end());
}

std::string SharedVault::path(const vault::VolumeName& name) const {
  const auto found = find(name);
  return found && *found ? (*found)->key : prefix_ + "batch/? (" + to_string(name) + ")";
}

}  // namespace stele::ledger
