#include "agent/arrivals.h"

#include <charconv>

#include "identity/arrival.h"
#include "identity/start.h"
#include "os/who.h"

namespace stele::agent {
namespace {

constexpr size_t kFileBytesMax = wire::kPacketBytesMax;
constexpr const char* kSshd = "sshd";

template <typename Integer>
bool read_number(std::string_view text, Integer& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<os::ProcessKey> process_named(std::string_view name) {
  os::ProcessKey process;
  const size_t dot = name.find('.');
  const bool is_one = dot != name.npos && read_number(name.substr(0, dot), process.pid) &&
                      read_number(name.substr(dot + 1), process.started);
  return is_one ? std::optional(process) : std::nullopt;
}

/// As PAM services are called: sudo-i, su-l, runuser-l are the same programs.
bool is_changers(std::string_view service) {
  return identity::is_account_changer(service.substr(0, service.find('-')));
}

/// PAM's strings, as they may stand in a journal.
std::string one_line(std::string text) {
  for (char& each : text)
    if (static_cast<unsigned char>(each) < 0x20 || static_cast<unsigned char>(each) >= 0x7f)
      each = '?';
  return text;
}

std::string program_of(const os::Peer& teller) {
  const auto itself = os::look_at(teller.process.pid);
  return itself ? identity::program_of(*itself) : std::string();
}

/// A variable of PAM's environment is sshd's word only where sshd told it: other programs let
/// users' files set some.
void drop_what_is_not_sshds(const os::Peer& teller, const std::string& program,
                            wire::Arrived& arrived) {
  if (teller.uid == 0 && program == kSshd) return;
  arrived.connection.clear();
  arrived.proof.clear();
}

std::optional<uint32_t> audit_number(uint32_t pid, const char* name) {
  const auto text = os::read_system_file("/proc/" + std::to_string(pid) + "/" + name);
  return identity::parse_audit_number(text ? *text : std::string());
}

std::string text_of(const wire::Arrived& arrived, uint32_t pid) {
  return "unrecorded: " + one_line(arrived.user) + " was let in by sshd from " +
         one_line(arrived.remote_host) + ", pid " + std::to_string(pid) +
         ", and no session began: forwarding, a subsystem within sshd, or a shell that is not "
         "recorded";
}

std::string text_of_others(size_t count) {
  return "unrecorded: " + std::to_string(count) +
         " more were let in by sshd and are gone, and no session began";
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
      kept_.at(key_of(*process)).is_settled = true;  // as far as anybody can tell now
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

/// What had no session is still to be told of.
void Arrivals::end(const Key& key) {
  const auto found = kept_.find(key);
  if (found == kept_.end()) return;
  Kept& kept = found->second;
  if (kept.is_settled || kept.arrived.service != kSshd) return forget(key);
  kept.is_over = true;
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
  end(key_of(teller.process));
  return {};
}

std::optional<wire::Arrived> Arrivals::of(const os::Peer& recorder) {
  const std::lock_guard lock(mutex_);
  Kept* const found = find(recorder);
  if (found == nullptr) return std::nullopt;
  found->is_settled = true;
  return found->arrived;
}

// The nearest door decides: where it told nothing, what one further out told is of another login.
Arrivals::Kept* Arrivals::find(const os::Peer& recorder) {
  for (const os::Ancestor& each : ancestors_(recorder.process.pid)) {
    const auto found = kept_.find(key_of(each.process));
    if (found != kept_.end() && !found->second.is_over) return &found->second;
    if (identity::is_door(each)) return nullptr;
  }
  return find_by_audit_session(recorder);
}

/// As those that told are now: a login that was told of before the kernel had a session for it has
/// one by now.
Arrivals::Kept* Arrivals::find_by_audit_session(const os::Peer& recorder) {
  if (!recorder.audit_session || !recorder.login_uid) return nullptr;
  Kept* only = nullptr;
  for (auto& [key, kept] : kept_) {
    if (kept.is_over || audit_number(key.first, "sessionid") != recorder.audit_session ||
        audit_number(key.first, "loginuid") != recorder.login_uid ||
        !os::is_alive({key.first, key.second}))
      continue;
    if (only != nullptr) return nullptr;
    only = &kept;
  }
  return only;
}

std::vector<event::Finding> Arrivals::step(BootTime now) {
  std::vector<event::Finding> findings;
  const std::lock_guard lock(mutex_);
  size_t others = 0;
  for (auto at = kept_.begin(); at != kept_.end();) {
    auto& [key, kept] = *at++;
    if (kept.is_settled || kept.arrived.service != kSshd) continue;
    if (!kept.since) kept.since = now;
    if (!kept.is_over && now - *kept.since < kPatience) continue;
    const bool is_told = findings.size() < kFindingsMax;
    if (is_told) findings.push_back({"unrecorded", text_of(kept.arrived, key.first), {}, {}});
    kept.is_settled = is_told;
    if (!kept.is_over) continue;
    others += is_told ? 0 : 1;
    forget(Key(key));
  }
  if (others > 0) findings.push_back({"unrecorded", text_of_others(others), {}, {}});
  return findings;
}

void Arrivals::forget_the_dead() {
  const std::lock_guard lock(mutex_);
  for (auto at = kept_.begin(); at != kept_.end();) {
    const Key key = at++->first;
    if (!os::is_alive({key.first, key.second})) end(key);
  }
}

size_t Arrivals::count() const {
  const std::lock_guard lock(mutex_);
  return kept_.size();
}

}  // namespace stele::agent
