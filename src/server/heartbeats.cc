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
  std::optional<Silence> over;
  {
    const std::lock_guard lock(mutex_);
    Host& host = hosts_[name];
    if (std::exchange(host.is_silent, false)) over = Silence{name, host.heard_at, true};
    host.heard_at = clock_.wall();
    host.heard = clock_.boot();
    if (heartbeat) host.last = Heard{*heartbeat, host.heard_at};
  }
  if (over) tell_(*over);
}

void Heartbeats::look() {
  std::vector<Silence> fallen;
  {
    const std::lock_guard lock(mutex_);
    const BootTime now = clock_.boot();
    for (auto& [name, host] : hosts_) {
      if (host.is_silent || now - host.heard <= silent_after_) continue;
      host.is_silent = true;
      fallen.push_back({name, host.heard_at});
    }
  }
  for (const Silence& each : fallen) tell_(each);
}

std::optional<Heartbeats::Heard> Heartbeats::last(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host);
  return found == hosts_.end() ? std::nullopt : found->second.last;
}

}  // namespace stele::server
