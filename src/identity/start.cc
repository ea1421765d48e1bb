#include "identity/start.h"

#include <charconv>
#include <initializer_list>
#include <limits>

#include "base/uuid.h"
#include "os/clock.h"
#include "os/terminal_mode.h"
#include "os/who.h"

namespace stele::identity {
namespace {

constexpr std::initializer_list<int> kStandardFds = {0, 1, 2};

std::string system_file_or_empty(const std::string& path) {
  auto text = os::read_system_file(path);
  return text ? *std::move(text) : std::string();
}

std::optional<uint32_t> audit_number(const std::string& path) {
  return parse_audit_number(system_file_or_empty(path));
}

event::WindowSize window_size() {
  for (int fd : kStandardFds) {
    if (const auto size = os::window_size(fd)) {
      return {size->rows, size->columns, size->width_pixels, size->height_pixels};
    }
  }
  return {};
}

/// Anybody can set a variable: only what could be a session id is passed on, and only as a claim.
std::string claimed_parent(const std::vector<std::string>& environment) {
  const std::string claim = variable(environment, "STELE_SESSION");
  return parse_stream_id(claim) ? claim : std::string();
}

/// What was told, and what is the same for every process of this machine.
event::Start start_here(const Told& told) {
  event::Start start;
  start.title = told.title;
  start.argv = told.argv;
  start.terminal = variable(told.environment, "TERM");
  start.host = os::host_name();
  start.machine_id = system_file_or_empty("/etc/machine-id");
  start.boot_id = system_file_or_empty("/proc/sys/kernel/random/boot_id");
  start.kernel = os::kernel_release();
  start.parent_session = claimed_parent(told.environment);
  start.input_policy = told.input_policy;
  start.recorder = told.recorder;
  return start;
}

/// A user database may be far away, and slow: what it has not said by then is left out.
constexpr Micros kNamesMax = std::chrono::seconds(2);
constexpr size_t kGroupNamesMax = 256;

std::vector<std::string> group_names(const event::Start& start) {
  std::vector<uint32_t> groups = {start.gid};
  for (const uint32_t group : start.groups)
    if (group != start.gid && groups.size() < kGroupNamesMax) groups.push_back(group);
  std::vector<std::string> names;
  os::SystemClock clock;
  const BootTime until = clock.boot() + kNamesMax;
  for (const uint32_t group : groups) {
    if (clock.boot() >= until) break;
    if (std::string name = os::group_name(group); !name.empty()) names.push_back(std::move(name));
  }
  return names;
}

void name_people(event::Start& start) {
  start.user = os::user_name(start.uid);
  if (start.login_uid) start.login_user = os::user_name(*start.login_uid);
  start.group_names = group_names(start);
}

}  // namespace

std::optional<uint32_t> parse_audit_number(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || number == std::numeric_limits<uint32_t>::max()) return std::nullopt;
  return number;
}

std::string variable(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& entry : environment) {
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') {
      return entry.substr(name.size() + 1);
    }
  }
  return "";
}

Claims claims_of(const std::vector<std::string>& environment) {
  Claims claims{variable(environment, "SSH_CONNECTION"), variable(environment, "SUDO_USER"), "",
                variable(environment, "SSH_AUTH_SOCK")};
  for (std::string* claim : {&claims.connection, &claims.invoker, &claims.forwarded_agent})
    if (claim->size() > kClaimBytesMax) claim->clear();
  const std::string path = variable(environment, "SSH_USER_AUTH");
  if (!path.empty()) claims.proof = os::read_own_file(path, kProofBytesMax).value_or("");
  return claims;
}

Result<event::Start> gather_start(const Told& told) {
  TRY(os::Identity who, os::identity());
  event::Start start = start_here(told);
  start.cwd = os::current_directory();
  start.uid = who.uid;
  start.euid = who.euid;
  start.gid = who.gid;
  start.groups = std::move(who.groups);
  start.login_uid = audit_number("/proc/self/loginuid");
  start.audit_session = audit_number("/proc/self/sessionid");
  start.tty = os::terminal_name(kStandardFds);
  start.size = window_size();
  name_people(start);
  describe_arrival(start, os::own_pid(), told.claims, told.word, told.trust);
  return start;
}

event::Start gather_start_of(const os::Peer& peer, const Told& told, const Place& at) {
  event::Start start = start_here(told);
  start.cwd = peer.cwd.empty() ? at.cwd : peer.cwd;
  start.uid = peer.uid;
  start.euid = peer.euid;
  start.gid = peer.gid;
  start.groups = peer.groups;
  start.login_uid = peer.login_uid;
  start.audit_session = peer.audit_session;
  start.tty = peer.tty;
  start.size = at.size;
  name_people(start);
  describe_arrival(start, peer.process.pid, told.claims, told.word, told.trust);
  return start;
}

}  // namespace stele::identity
