#include "ledger/policy_history.h"

#include <algorithm>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "ledger/hold_marks.h"

namespace stele::ledger {
namespace {

/// What lies there; nullopt: nothing does.
Result<std::optional<Bytes>> read_note(os::FileSystem& files, const std::string& path) {
  auto note = files.read(path, policy::kPolicyBytesMax);
  if (!note && note.error().code == Code::kNotFound) return std::nullopt;
  if (!note && note.error().code == Code::kLimit) return std::nullopt;  // no policy is so large
  if (!note) return fail(std::move(note).error());
  return std::optional(*std::move(note));
}

Result<std::vector<std::string>> kept_paths(os::FileSystem& files, const Layout& layout) {
  const auto names = files.list(layout.kept_policies());
  if (!names && names.error().code == Code::kNotFound) return std::vector<std::string>();
  if (!names) return fail(names.error());
  std::vector<std::string> paths;
  for (const std::string& name : *names) paths.push_back(layout.kept_policies() + "/" + name);
  return paths;
}

}  // namespace

uint32_t retain_until(const policy::Policy& policy, uint8_t retention_class, WallTime received) {
  const auto* const known = policy::find_class(policy, retention_class);
  return known == nullptr ? 0 : day_of(received) + known->days;
}

void PolicyHistory::add(policy::SignedPolicy policy) {
  const auto is_same = [&](const Known& known) { return known.policy.hash == policy.hash; };
  if (std::any_of(all_.begin(), all_.end(), is_same)) return;
  Known known{std::move(policy), 0, {}};
  known.day = day_of(std::chrono::sys_days(known.policy.policy.day));
  if (const auto key = receipt::VerifierKey::parse(known.policy.policy.prune_key))
    known.prune_key = {segment::host_key_id(key->name, key->key.bytes), 1, key->name, key->key};
  all_.push_back(std::move(known));
}

Result<PolicyHistory> PolicyHistory::load(os::FileSystem& files, const Layout& layout) {
  PolicyHistory history;
  TRY(auto paths, kept_paths(files, layout));
  if (files.exists(layout.policy())) paths.push_back(layout.policy());
  if (paths.empty()) return history;
  TRY(const auto key, load_verifier_key(files, layout.policy_vkey()));
  TRY(const std::string origin, first_origin(key));
  for (const std::string& path : paths) {
    TRY(const auto note, read_note(files, path));
    if (!note) continue;
    auto opened = policy::open_policy(*note, key);
    if (opened && opened->policy.origin == origin) history.add(*std::move(opened));
  }
  return history;
}

std::optional<uint32_t> PolicyHistory::days(uint8_t retention_class, uint32_t by_day) const {
  std::optional<uint32_t> days;
  for (const Known& known : all_) {
    const auto* const defined = policy::find_class(known.policy.policy, retention_class);
    if (defined == nullptr || known.day > by_day) continue;
    days = std::max(days.value_or(0), defined->days);
  }
  return days;
}

std::optional<uint32_t> PolicyHistory::days_min(uint8_t retention_class) const {
  std::optional<uint32_t> days;
  for (const Known& known : all_) {
    if (const auto* const defined = policy::find_class(known.policy.policy, retention_class))
      days = std::min(days.value_or(UINT32_MAX), defined->days);
  }
  return days;
}

std::vector<HostKeys::Entry> PolicyHistory::prune_keys() const {
  std::vector<HostKeys::Entry> keys;
  for (const Known& known : all_) {
    const auto is_same = [&](const HostKeys::Entry& key) { return key.id == known.prune_key->id; };
    if (known.prune_key && std::none_of(keys.begin(), keys.end(), is_same))
      keys.push_back(*known.prune_key);
  }
  return keys;
}

bool PolicyHistory::may_prune(const segment::HostKeyId& key, uint32_t day) const {
  return std::any_of(all_.begin(), all_.end(), [&](const Known& named) {
    if (!named.prune_key || named.prune_key->id != key || named.day > day) return false;
    return std::none_of(all_.begin(), all_.end(), [&](const Known& later) {
      return later.policy.policy.version > named.policy.policy.version && later.day < day &&
             (!later.prune_key || later.prune_key->id != key);
    });
  });
}

Result<PolicyStore> PolicyStore::open(os::FileSystem& files, const Layout& layout) {
  TRY(auto key, load_verifier_key(files, layout.policy_vkey()));
  TRY(auto origin, first_origin(key));
  PolicyStore store(files, layout, std::move(key), std::move(origin));
  TRY_VOID(store.take_kept());
  return store;
}

// The newest that was believed.
Status PolicyStore::take_kept() {
  TRY(const auto paths, kept_paths(*files_, layout_));
  for (const std::string& path : paths) {
    TRY(const auto note, read_note(*files_, path));
    if (!note) continue;
    auto opened = policy::open_policy(*note, key_);
    if (!opened || opened->policy.origin != origin_) continue;
    if (current_ && current_->policy.version >= opened->policy.version) continue;
    current_ = std::make_shared<const policy::SignedPolicy>(*std::move(opened));
  }
  return {};
}

Status PolicyStore::refresh() {
  TRY(const auto note, read_note(*files_, layout_.policy()));
  if (!note || *note == seen_) return {};
  auto offered = policy::open_policy(*note, key_);
  if (!offered) return fail(std::move(offered).error().within(layout_.policy()));
  if (offered->policy.origin != origin_)
    return fail(Code::kInvalid, layout_.policy() + ": for the log " + offered->policy.origin);
  if (current_) TRY_VOID(policy::check_succession(*current_, *offered));
  TRY_VOID(files_->make_directories(layout_.kept_policies()));
  TRY_VOID(files_->put_once(layout_.kept_policies() + "/" + to_hex(offered->hash), *note));
  seen_ = *note;
  current_ = std::make_shared<const policy::SignedPolicy>(*std::move(offered));
  return {};
}

}  // namespace stele::ledger
