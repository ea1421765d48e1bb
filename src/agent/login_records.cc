#include "agent/login_records.h"

#include <algorithm>

namespace stele::agent {

commands::OnTerminal on_terminal(const os::ProcessOnTerminal& process) {
  return {.audit_session = process.audit_session,
          .terminal = process.terminal,
          .tty = os::terminal_of(process.terminal),
          .login_uid = process.login_uid,
          .uid = process.uid,
          .pid = process.pid,
          .parent = process.parent,
          .program = process.program};
}

std::vector<commands::OnTerminal> LoginRecords::look(
    BootTime now, const std::vector<os::Login>& logins,
    const std::function<std::vector<os::ProcessOnTerminal>()>& processes) {
  std::map<os::Login, Entry> entries;
  std::map<std::string, int64_t> newest;  // of each terminal
  for (const os::Login& login : logins) {
    const auto [known, is_new] = newest.try_emplace(login.tty, login.since);
    if (!is_new) known->second = std::max(known->second, login.since);
  }
  bool is_any_open = false;
  for (const os::Login& login : logins) {
    const auto before = entries_.find(login);
    Entry entry = before == entries_.end() ? Entry{now} : before->second;
    entry.is_open =
        entry.is_open && now - entry.since < kPatience && login.since == newest.at(login.tty);
    is_any_open = is_any_open || entry.is_open;
    entries.insert({login, entry});
  }
  entries_ = std::move(entries);
  if (!is_any_open) return {};

  std::map<std::string, std::vector<os::ProcessOnTerminal>> there;
  for (os::ProcessOnTerminal& each : processes())
    there[os::terminal_of(each.terminal)].push_back(std::move(each));
  std::vector<commands::OnTerminal> found;
  for (auto& [login, entry] : entries_) {
    const auto on_it = there.find(login.tty);
    if (!entry.is_open || on_it == there.end()) continue;
    entry.is_open = false;
    const auto& all = on_it->second;
    const bool is_told = std::any_of(all.begin(), all.end(), [](const auto& each) {
      return each.login_uid != commands::kUnset;  // by the kernel
    });
    if (is_told) continue;
    found.push_back(
        on_terminal(*std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
          return a.started < b.started;
        })));
    found.back().user = login.user;
  }
  return found;
}

}  // namespace stele::agent
