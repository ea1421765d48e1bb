#include "server/guard.h"

#include <algorithm>

#include "base/hex.h"

namespace stele::server {
namespace {

constexpr Micros kFailureCosts = std::chrono::seconds(6);
constexpr int kFailuresMax = 20;
constexpr const char* kEverybodyElse = "*";

std::string key_of(const event::Asked& asked) {
  const char kind = static_cast<char>('0' + static_cast<int>(asked.kind));
  if (asked.kind == event::Asked::Kind::kRefusal && asked.person.empty())
    return std::string(1, kind) + asked.peer;
  std::string key(1, kind);
  for (const std::string* part : {&asked.person, &asked.token, &asked.what, &asked.purpose})
    key.append(*part).push_back('\0');
  if (asked.stream) key += to_hex(*asked.stream);
  return key;
}

bool is_stranger(const std::string& key) {
  return key.starts_with(static_cast<char>('0' + static_cast<int>(event::Asked::Kind::kRefusal))) &&
         key.find('\0') == std::string::npos;
}

template <typename Map>
void forget_over(Map& map, BootTime now) {
  std::erase_if(map, [&](const auto& entry) { return entry.second <= now; });
}

}  // namespace

std::map<std::string, Repeats::Window>::iterator Repeats::find(const event::Asked& asked) {
  const std::string key = key_of(asked);
  const auto found = windows_.find(key);
  if (found != windows_.end() || !is_stranger(key) || strangers_ < kPeersMax) return found;
  event::Asked other = asked;
  other.peer = kEverybodyElse;
  return windows_.find(key_of(other));
}

void Repeats::settle(const event::Asked& asked, bool was_told) {
  const auto found = find(asked);
  if (found == windows_.end() || found->second.is_told) return;
  if (was_told) {
    found->second.is_told = true;
  } else {
    strangers_ -= is_stranger(found->first) ? 1 : 0;
    windows_.erase(found);
  }
}

bool Repeats::is_new(const event::Asked& asked, BootTime now) {
  const auto found = find(asked);
  if (found == windows_.end()) {
    if (windows_.size() >= kRepeatsMax) return true;
    event::Asked seen = asked;
    if (is_stranger(key_of(asked)) && strangers_ >= kPeersMax) seen.peer = kEverybodyElse;
    const std::string key = key_of(seen);
    strangers_ += is_stranger(key) ? 1 : 0;
    seen.count = 0;
    seen.first = seen.next = 0;
    windows_.emplace(key, Window{now + kRepeatWindow, seen});
    return true;
  }
  if (!found->second.is_told) return true;
  event::Asked& repeated = found->second.repeated;
  if (asked.next > asked.first) {
    const bool is_first = repeated.next == 0;
    repeated.first = is_first ? asked.first : std::min(repeated.first, asked.first);
    repeated.next = std::max(repeated.next, asked.next);
  }
  ++repeated.count;
  return false;
}

std::vector<event::Asked> Repeats::take_due(BootTime now) {
  std::vector<event::Asked> due;
  std::erase_if(windows_, [&](const auto& entry) {
    if (entry.second.ends > now) return false;
    if (entry.second.repeated.count > 0) due.push_back(entry.second.repeated);
    strangers_ -= is_stranger(entry.first) ? 1 : 0;
    return true;
  });
  return due;
}

bool Visits::is_new(const std::string& token, const std::string& peer, BootTime now) {
  const std::string key = token + ' ' + peer;
  if (const auto found = ends_.find(key); found != ends_.end() && found->second > now) return false;
  if (ends_.size() >= kPeersMax) forget_over(ends_, now);
  if (ends_.size() < kPeersMax) ends_.insert_or_assign(key, now + kLoginWindow);
  return true;
}

bool FailureBound::allows(const std::string& peer, BootTime now) {
  auto found = clear_at_.find(peer);
  if (found == clear_at_.end() && clear_at_.size() >= kPeersMax)
    found = clear_at_.find(kEverybodyElse);
  return found == clear_at_.end() || found->second <= now + (kFailuresMax - 1) * kFailureCosts;
}

void FailureBound::failed(const std::string& peer, BootTime now) {
  if (clear_at_.size() >= kPeersMax) forget_over(clear_at_, now);
  const bool has_room = clear_at_.size() < kPeersMax || clear_at_.contains(peer);
  BootTime& clear = clear_at_[has_room ? peer : kEverybodyElse];
  clear = std::max(clear, now) + kFailureCosts;
}

}  // namespace stele::server
