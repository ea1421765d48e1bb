#include "http/gate.h"

#include "base/check.h"

namespace stele::http {

std::unique_ptr<Gate::Seat> Gate::enter(const std::string& peer) {
  const std::lock_guard lock(mutex_);
  if (all_.connections >= limits_.connections) return nullptr;
  const auto known = peers_.find(peer);
  if (known != peers_.end() && known->second.connections >= limits_.connections_per_peer) {
    return nullptr;
  }
  ++all_.connections;
  ++peers_[peer].connections;
  return std::make_unique<Seat>(*this, peer);
}

size_t Gate::connections() const {
  const std::lock_guard lock(mutex_);
  return all_.connections;
}

bool Gate::wait_until_empty(std::chrono::milliseconds longest) {
  std::unique_lock lock(mutex_);
  return emptied_.wait_for(lock, longest, [this] { return all_.connections == 0; });
}

bool Gate::Seat::reserve(size_t bytes) {
  const std::lock_guard lock(gate_.mutex_);
  Share& mine = gate_.peers_[peer_];
  Share& all = gate_.all_;
  if (bytes > gate_.limits_.body_bytes - all.body_bytes ||
      bytes > gate_.limits_.body_bytes_per_peer - mine.body_bytes) {
    return false;
  }
  all.body_bytes += bytes;
  mine.body_bytes += bytes;
  reserved_ += bytes;
  return true;
}

void Gate::Seat::release() {
  const std::lock_guard lock(gate_.mutex_);
  gate_.all_.body_bytes -= reserved_;
  gate_.peers_[peer_].body_bytes -= reserved_;
  reserved_ = 0;
}

Gate::Seat::~Seat() {
  release();
  const std::lock_guard lock(gate_.mutex_);
  const auto mine = gate_.peers_.find(peer_);
  CHECK(mine != gate_.peers_.end() && mine->second.connections > 0);
  if (--mine->second.connections == 0) gate_.peers_.erase(mine);
  if (--gate_.all_.connections == 0) gate_.emptied_.notify_all();
}

std::string peer_of_address(std::string_view address) {
  if (address.find(':') == std::string_view::npos) return std::string(address);
  // RFC 5952 text: "::" stands for the groups that are missing.
  std::string groups[8];
  size_t count = 0, gap = 8;
  for (size_t at = 0; at <= address.size() && count < 8;) {
    const size_t colon = std::min(address.find(':', at), address.size());
    if (colon == at) {
      if (gap == 8) gap = count;
    } else {
      groups[count++] = address.substr(at, colon - at);
    }
    at = colon + 1;
  }
  std::string out;
  for (size_t i = 0; i < 4; ++i) {
    const size_t missing = 8 - count;
    const bool is_zero = gap < 8 && i >= gap && i < gap + missing;
    out += is_zero ? "0" : groups[i < gap ? i : i - missing];
    out += ':';
  }
  return out + ":/64";
}

}  // namespace stele::http
