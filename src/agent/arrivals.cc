#include "agent/arrivals.h"

#include <charconv>

#include "identity/arrival.h"
#include "identity/start.h"
#include "os/who.h"

namespace stele::agent {
namespace {

constexpr size_t kFileBytesMax = wire::kPacketBytesMax;

std::optional<os::ProcessKey> process_named(std::string_view name) {
  os::ProcessKey process;
  const size_t dot = name.find('.');
  if (dot == name.npos) return std::nullopt;
  const char* const end = name.data() + name.size();
  const auto pid = std::from_chars(name.data(), name.data() + dot, process.pid);
  const auto started = std::from_chars(name.data() + dot + 1, end, process.started);
  const bool is_whole = pid.ec == std::errc() && pid.ptr == name.data() + dot &&
                        started.ec == std::errc() && started.ptr == end;
  return is_whole ? std::optional(process) : std::nullopt;
}

/// As PAM services are called: sudo-i, su-l, runuser-l are the same programs.
bool is_changers(std::string_view service) {
  return identity::is_account_changer(service.substr(0, service.find('-')));
}

std::string program_of(const os::Peer& teller) {
  const auto itself = os::look_at(teller.process.pid);
  return itself ? identity::program_of(*itself) : std::string();
}

/// A variable of PAM's environment is sshd's word only where sshd told it: other programs let
/// users' files set some.
void drop_what_is_not_sshds(const os::Peer& teller, const std::string& program,
                            wire::Arrived& arrived) {
  if (teller.uid == 0 && program == "sshd") return;
  arrived.connection.clear();
  arrived.proof.clear();
}

std::optional<uint32_t> audit_number(uint32_t pid, const char* name) {
  const auto text = os::read_system_file("/proc/" + std::to_string(pid) + "/" + name);
  return identity::parse_audit_number(text ? *text : std::string());
}

Status check_root(const os::Peer& teller) {
  if (teller.euid == 0) return {};
  return fail(Code::kPermission, "only root's side of a login says who arrived");
}

}  // namespace

std::string Arrivals::path(const Key& key) const {
  return directory_ + "/" + std::to_string(key.first) + "." + std::to_string(key.second);
}

Status Arrivals::begin() {
  TRY_VOID(files_.make_directories(directory_));
  TRY(const auto names, files_.list(directory_));
  const std::lock_guard lock(mutex_);
  for (const std::string& name : names) {
    const auto process = process_named(name);
    const auto packet = files_.read(directory_ + "/" + name, kFileBytesMax);
    auto message = packet ? wire::parse_from_recorder(*packet)
                          : Result<wire::FromRecorder>(fail(packet.error()));
    auto* arrived = message ? std::get_if<wire::Arrived>(&*message) : nullptr;
    if (process && arrived != nullptr && os::is_alive(*process)) {
      keep(key_of(*process), std::move(*arrived), packet->size());
    } else {
      (void)files_.remove(directory_ + "/" + name);  // if it stays, the next agent tries again
    }
  }
  return {};
}

void Arrivals::keep(const Key& key, wire::Arrived arrived, size_t bytes) {
  Kept& kept = kept_[key];
  bytes_ += bytes - kept.bytes;
  kept = {std::move(arrived), bytes};
}

void Arrivals::forget(const Key& key) {
  const auto found = kept_.find(key);
  if (found == kept_.end()) return;
  bytes_ -= found->second.bytes;
  kept_.erase(found);
  (void)files_.remove(path(key));
}

Status Arrivals::come(const os::Peer& teller, wire::Arrived arrived) {
  TRY_VOID(check_root(teller));
  if (arrived.service.empty()) return fail(Code::kInvalid, "an arrival by no service");
  const std::string program = program_of(teller);
  if (is_changers(arrived.service) || identity::is_account_changer(program)) return {};
  drop_what_is_not_sshds(teller, program, arrived);
  TRY(const Bytes packet, wire::encode(arrived));
  const std::lock_guard lock(mutex_);
  const Key key = key_of(teller.process);
  forget(key);
  if (kept_.size() >= kCountMax || bytes_ + packet.size() > kBytesMax)
    return fail(Code::kBusy, "too many logins at once");
  TRY_VOID(files_.replace_lazily(path(key), packet));
  keep(key, std::move(arrived), packet.size());
  return {};
}

Status Arrivals::leave(const os::Peer& teller) {
  TRY_VOID(check_root(teller));
  const std::lock_guard lock(mutex_);
  forget(key_of(teller.process));
  return {};
}

// The nearest door decides: where it told nothing, what one further out told is of another login.
std::optional<wire::Arrived> Arrivals::of(const os::Peer& recorder) {
  const auto ancestors = ancestors_(recorder.process.pid);
  const std::lock_guard lock(mutex_);
  for (const os::Ancestor& each : ancestors) {
    const auto found = kept_.find(key_of(each.process));
    if (found != kept_.end()) return found->second.arrived;
    if (identity::is_door(each)) return std::nullopt;
  }
  return of_audit_session(recorder);
}

/// As those that told are now: a login that was told of before the kernel had a session for it has
/// one by now.
std::optional<wire::Arrived> Arrivals::of_audit_session(const os::Peer& recorder) const {
  if (!recorder.audit_session || !recorder.login_uid) return std::nullopt;
  std::optional<wire::Arrived> only;
  for (const auto& [key, kept] : kept_) {
    if (audit_number(key.first, "sessionid") != recorder.audit_session ||
        audit_number(key.first, "loginuid") != recorder.login_uid ||
        !os::is_alive({key.first, key.second}))
      continue;
    if (only) return std::nullopt;
    only = kept.arrived;
  }
  return only;
}

void Arrivals::forget_the_dead() {
  const std::lock_guard lock(mutex_);
  for (auto at = kept_.begin(); at != kept_.end();) {
    const Key key = at++->first;
    if (!os::is_alive({key.first, key.second})) forget(key);
  }
}

size_t Arrivals::count() const {
  const std::lock_guard lock(mutex_);
  return kept_.size();
}

}  // namespace stele::agent
