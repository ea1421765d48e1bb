#include "agent/policy_subject.h"

#include <algorithm>
#include <charconv>

#include "identity/arrival.h"
#include "os/who.h"

namespace stele::agent {
namespace {

constexpr int kAncestorsMax = 64;

std::string system_file(uint32_t pid, std::string_view name) {
  return os::read_system_file("/proc/" + std::to_string(pid) + "/" + std::string(name))
      .value_or("");
}

policy::Names names_of(std::optional<uint32_t> uid) {
  if (!uid) return {};
  policy::Names names = {std::to_string(*uid)};
  if (std::string name = os::user_name(*uid); !name.empty()) names.push_back(std::move(name));
  return names;
}

policy::Names groups_of(uint32_t own, const std::vector<uint32_t>& others,
                        const std::set<std::string>& named) {
  std::set<uint32_t> groups(others.begin(), others.end());
  groups.insert(own);
  policy::Names names;
  for (const uint32_t group : groups) names.push_back(std::to_string(group));
  for (const std::string& name : named) {
    const auto group = os::group_id(name);
    if (group && groups.contains(*group)) names.push_back(name);
  }
  return names;
}

}  // namespace

std::optional<ProcessLine> parse_stat(std::string_view stat) {
  const size_t open = stat.find('('), close = stat.rfind(')');  // a name may have either
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return std::nullopt;
  ProcessLine line{std::string(stat.substr(open + 1, close - open - 1)), 0};
  constexpr size_t kStateBytes = 4;  // ") S " and then the parent
  if (stat.size() < close + kStateBytes) return std::nullopt;
  const char* const begin = stat.data() + close + kStateBytes;
  const auto [end, error] = std::from_chars(begin, stat.data() + stat.size(), line.parent);
  if (error != std::errc() || end == stat.data() + stat.size() || *end != ' ') return std::nullopt;
  return line;
}

bool is_roots(std::string_view status) {
  return status.find("\nUid:\t0\t0\t") != std::string_view::npos;
}

// Each step is looked at twice: a process whose parent is still the same had it all the while, so
// what was read in between was that parent's, and not of another that got its pid.
std::string service_of(uint32_t pid) {
  for (int i = 0; i < kAncestorsMax; ++i) {
    const auto child = parse_stat(system_file(pid, "stat"));
    if (!child || child->parent == 0) return "";
    const auto parent = parse_stat(system_file(child->parent, "stat"));
    const bool found = is_roots(system_file(child->parent, "status"));
    const auto again = parse_stat(system_file(pid, "stat"));
    if (!parent || !again || again->parent != child->parent) return "";
    if (found) return parent->name;
    pid = child->parent;
  }
  return "";
}

policy::Subject subject_of(const os::Peer& peer, const std::set<std::string>& named_groups,
                           std::string host) {
  policy::Subject subject;
  subject.users = names_of(peer.uid);
  subject.logins = names_of(peer.login_uid);
  subject.groups = groups_of(peer.gid, peer.groups, named_groups);
  subject.host = std::move(host);
  const auto itself = os::look_at(peer.process.pid);
  const bool is_service = itself && itself->euid == 0 && identity::is_account_changer(itself->name);
  subject.service = is_service ? itself->name : service_of(peer.process.pid);
  if (!peer.is_alive()) subject.service.clear();
  return subject;
}

policy::Subject subject_of(const Submitter& who, const std::set<std::string>& named_groups,
                           std::string host) {
  policy::Subject subject;
  subject.host = std::move(host);
  subject.service = kSudoService;
  if (!who.is_elsewhere) {
    subject.users = names_of(who.account.uid);
    subject.groups = groups_of(who.account.gid, who.account.groups, named_groups);
    return subject;
  }
  // A name of digits alone would pass for a number, which is this host's to give.
  const bool is_name = !std::ranges::all_of(who.name, [](char c) { return c >= '0' && c <= '9'; });
  if (is_name) subject.users = {who.name};
  return subject;
}

}  // namespace stele::agent
