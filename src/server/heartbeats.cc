#include "server/heartbeats.h"

namespace stele::server {

void Heartbeats::expect(const std::string& host) {
  const std::lock_guard lock(mutex_);
  const auto [at, fresh] = hosts_.try_emplace(host);
  if (!fresh) return;
  at->second.heard_at = clock_.wall();
  at->second.heard = clock_.boot();
}

void Heartbeats::forget(const std::string& host) {
  const std::lock_guard lock(mutex_);
  hosts_.erase(host);
}

void Heartbeats::take(const std::string& host, const wire::Heartbeat& heartbeat) {
  note(host, heartbeat);
}

void Heartbeats::note(const std::string& name, const std::optional<wire::Heartbeat>& heartbeat) {
  bool is_over = false;
  {
    const std::lock_guard lock(mutex_);
    Host& host = hosts_[name];
    is_over = std::exchange(host.is_silent, false);
    if (is_over) {
      host.owed = {name, host.heard_at, Silence::What::kOver};
    } else if (!host.was_heard) {
      host.owed = {name, host.heard_at, Silence::What::kFirst};
    }
    host.was_heard = true;
    host.heard_at = clock_.wall();
    host.heard = clock_.boot();
    if (heartbeat) host.last = Heard{*heartbeat, host.heard_at};
  }
  if (is_over) tell_owed(name);
}

void Heartbeats::tell_owed(const std::string& name) {
  std::optional<Silence> owed;
  {
    const std::lock_guard lock(mutex_);
    const auto found = hosts_.find(name);
    if (found != hosts_.end()) owed = std::exchange(found->second.owed, std::nullopt);
  }
  if (!owed || tell_(*owed)) return;
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(name);
  if (found != hosts_.end() && !found->second.owed) found->second.owed = std::move(owed);
}

void Heartbeats::look() {
  std::vector<Silence> fallen;
  std::vector<std::string> owed;
  {
    const std::lock_guard lock(mutex_);
    const BootTime now = clock_.boot();
    for (auto& [name, host] : hosts_) {
      if (host.owed) owed.push_back(name);
      if (host.is_silent || now - host.heard <= silent_after_) continue;
      host.is_silent = true;
      fallen.push_back({name, host.heard_at});
    }
  }
  for (const std::string& name : owed) tell_owed(name);
  for (const Silence& each : fallen) {
    if (tell_(each)) continue;
    const std::lock_guard lock(mutex_);
    if (const auto found = hosts_.find(each.host); found != hosts_.end())
      found->second.is_silent = false;
  }
}

bool Heartbeats::is_silent(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host);
  return found != hosts_.end() && found->second.is_silent;
}

std::optional<Heartbeats::Heard> Heartbeats::last(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host);
  return found == hosts_.end() ? std::nullopt : found->second.last;
}

}  // namespace stele::server
