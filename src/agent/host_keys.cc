#include "agent/host_keys.h"

namespace stele::agent {
namespace {

constexpr size_t kKeyBytesMax = 4096;

std::string next_path(const std::string& directory) { return directory + "/host.key.next"; }

segment::HostKeyId id_of(const ledger::PrivateKey& key) {
  return segment::host_key_id(key.name, key.key.public_key().bytes);
}

}  // namespace

HostKeys::HostKeys(os::FileSystem& files, std::string directory, ledger::PrivateKey key,
                   uint32_t epoch)
    : files_(files), directory_(std::move(directory)), name_(key.name) {
  const auto id = id_of(key);
  current_ = std::make_shared<const Current>(std::move(key.key), id, epoch);
}

std::shared_ptr<const segment::HostSigner> HostKeys::hold() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !still_; });
  ++held_;
  return {&current_->signer, [this, keep = current_](const segment::HostSigner*) { release(); }};
}

void HostKeys::release() {
  const std::lock_guard lock(mutex_);
  if (--held_ == 0) changed_.notify_all();
}

HostKeys::Standstill::Standstill(HostKeys& keys) : keys_(keys) {
  std::unique_lock lock(keys_.mutex_);
  keys_.still_ = true;
  keys_.changed_.wait(lock, [this] { return keys_.held_ == 0; });
}

HostKeys::Standstill::~Standstill() {
  {
    const std::lock_guard lock(keys_.mutex_);
    keys_.still_ = false;
  }
  keys_.changed_.notify_all();
}

Status HostKeys::Standstill::prepare(const NextKey& next) {
  if (keys_.unfinished_) {
    TRY_VOID(finish(keys_.files_, keys_.directory_, *keys_.unfinished_));
    keys_.unfinished_.reset();
  }
  return keys_.files_.replace(next_path(keys_.directory_), encode(next).span());
}

segment::HostSigner HostKeys::Standstill::signer_of(const NextKey& next) {
  return {next.key.key, id_of(next.key), next.epoch};
}

// Whatever the disk says, the old key's time is over.
Status HostKeys::Standstill::adopt(NextKey next) {
  Status finished = finish(keys_.files_, keys_.directory_, next);
  const crypto::SecretBytes seed = next.key.key.seed();
  const std::lock_guard lock(keys_.mutex_);
  keys_.current_ =
      std::make_shared<const Current>(crypto::SigningKey(seed.span()), id_of(next.key), next.epoch);
  if (!finished) keys_.unfinished_ = std::move(next);
  return finished;
}

Result<std::optional<NextKey>> HostKeys::interrupted(os::FileSystem& files,
                                                     const std::string& directory) {
  auto text = files.read(next_path(directory), kKeyBytesMax);
  if (!text && text.error().code == Code::kNotFound) return std::nullopt;
  if (!text) return fail(std::move(text).error());
  auto next = parse_next_key(*text);
  crypto::wipe(*text);
  if (!next) return fail(std::move(next).error().within(next_path(directory)));
  return std::optional<NextKey>(*std::move(next));
}

Status HostKeys::finish(os::FileSystem& files, const std::string& directory, const NextKey& next) {
  TRY_VOID(files.replace(directory + "/host.key", ledger::encode(next.key).span()));
  const auto before = files.read(directory + "/host.state", kKeyBytesMax);
  HostState state;
  if (before) {
    TRY(state, parse_host_state(as_text(*before)));
  } else if (before.error().code != Code::kNotFound) {
    return fail(before.error());
  }
  state.epoch = next.epoch;
  state.not_before = next.not_before;
  TRY_VOID(files.replace(directory + "/host.state", as_bytes(encode(state))));
  return give_up(files, directory);
}

Status HostKeys::give_up(os::FileSystem& files, const std::string& directory) {
  return files.remove(next_path(directory));
}

}  // namespace stele::agent
