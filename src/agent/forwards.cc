#include "agent/forwards.h"

#include <algorithm>

namespace stele::agent {
namespace {

bool is_named_sshd(const os::Ancestor& process) {
  return process.name == "sshd" || process.name == "sshd-session";
}

bool is_same(const event::Forward& a, const event::Forward& b) {
  return a.what == b.what && a.port == b.port && a.address == b.address;
}

BootTime made(const os::ProcessKey& process) {
  constexpr int64_t kMicrosPerTick = 10'000;
  return BootTime(Micros(static_cast<int64_t>(process.started) * kMicrosPerTick));
}

std::string text_of(const commands::Forwarded& forward) {
  const bool listens = forward.what.what == event::Forward::What::kListen;
  return "left-behind: sshd, pid " + std::to_string(forward.sshd.pid) + ", " +
         (listens ? "listens on " : "connects to ") + forward.what.address + " port " +
         std::to_string(forward.what.port) +
         ", and maybe more, after its connection's last session has ended: only another one there "
         "would say it";
}

event::Gap gap(std::string why) { return {std::move(why), 0, 0, Micros(0)}; }

}  // namespace

// From the outside in: nobody but root makes what is above root's sshd.
std::optional<os::ProcessKey> sshd_of(const std::vector<os::Ancestor>& ancestors,
                                      const std::function<bool(uint32_t pid)>& is_recorder) {
  const auto end = std::find_if(ancestors.begin(), ancestors.end(), [&](const os::Ancestor& each) {
    return is_recorder(each.process.pid);
  });
  const os::Ancestor* sshd = nullptr;
  for (auto each = std::make_reverse_iterator(end); each != ancestors.rend(); ++each) {
    if (!is_named_sshd(*each)) {
      if (sshd != nullptr) break;
    } else if (each->euid == 0 || sshd != nullptr) {
      sshd = &*each;
      if (each->euid != 0) break;  // the person's: what is within is theirs
    }
  }
  return sshd != nullptr ? std::optional(sshd->process) : std::nullopt;
}

std::vector<uint64_t> Forwards::saw(const commands::Forwarded& forward, BootTime at,
                                    std::vector<event::Finding>& findings) {
  const Key key = key_of(forward.sshd);
  if (!sshds_.contains(key)) {
    make_room(at);
    order_.push_back(key);
  }
  Sshd& sshd = sshds_[key];
  if (sshd.sessions.empty() && sshd.over && !std::exchange(sshd.is_told, true))
    findings.push_back({"left-behind", text_of(forward), sshd.over, {}});
  const auto same = std::find_if(sshd.noted.begin(), sshd.noted.end(), [&](const Noted& each) {
    return is_same(each.what, forward.what);
  });
  if (same != sshd.noted.end()) return {};
  if (sshd.noted.size() >= kEachMax || noted_ >= kAllMax) {
    ++sshd.more;
    return {};
  }
  sshd.noted.push_back({forward.what, at});
  ++noted_;
  return sshd.sessions;
}

void Forwards::lost(uint64_t count, BootTime now) {
  if (count == 0) return;
  since_ = now;
  for (auto& [number, session] : sessions_) session.lost += count;
}

void Forwards::serve(uint64_t session, const os::ProcessKey& sshd, bool is_whole, BootTime now) {
  const auto [known, is_new] = sessions_.try_emplace(session, Session{.sshd = sshd, .since = now});
  if (!is_new) return;  // its recorder comes again
  known->second.is_whole = is_whole;
  known->second.lacks_before = is_whole && made(sshd) < since_;
  const Key key = key_of(sshd);
  if (!sshds_.contains(key)) order_.push_back(key);
  sshds_[key].sessions.push_back(session);
}

std::optional<Forwards::Next> Forwards::next(uint64_t session, BootTime now) const {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return std::nullopt;
  if (found->second.lacks_before)
    return Next{gap("what was forwarded over its SSH connection before is not known"), now};
  const Sshd& sshd = sshds_.at(key_of(found->second.sshd));
  if (found->second.said >= sshd.noted.size()) return std::nullopt;
  const Noted& noted = sshd.noted[found->second.said];
  if (noted.at >= found->second.since) return Next{noted.what, noted.at};
  event::Forward forward = noted.what;
  forward.ago = now - noted.at;
  return Next{std::move(forward), now};
}

void Forwards::said(uint64_t session) {
  Session& found = sessions_.at(session);
  if (!std::exchange(found.lacks_before, false)) ++found.said;
}

std::vector<event::Gap> Forwards::missing(uint64_t session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return {};
  std::vector<event::Gap> gaps;
  const Sshd& sshd = sshds_.at(key_of(found->second.sshd));
  const uint64_t said = std::exchange(found->second.more_said, sshd.more);
  if (sshd.more > said)
    gaps.push_back(gap(std::to_string(sshd.more - said) +
                       " more times something was forwarded than is said, beyond the first " +
                       std::to_string(sshd.noted.size()) + " different ports and addresses"));
  if (const size_t unsaid = sshd.noted.size() - found->second.said; unsaid > 0)
    gaps.push_back(gap(std::to_string(unsaid) + " of what was forwarded there was no room for"));
  if (const uint64_t count = std::exchange(found->second.lost, 0); count > 0)
    gaps.push_back(gap(std::to_string(count) +
                       " records of what was forwarded, in this session or another, were lost"));
  return gaps;
}

std::optional<uint32_t> Forwards::count(uint64_t session) const {
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || !found->second.is_whole) return std::nullopt;
  return static_cast<uint32_t>(found->second.said);
}

void Forwards::leave(uint64_t session, const StreamId& id) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  Sshd& sshd = sshds_.at(key_of(found->second.sshd));
  std::erase(sshd.sessions, session);
  sshd.over = id;
  sessions_.erase(found);
}

void Forwards::forget_the_dead() {
  std::erase_if(order_, [this](const Key& key) {
    const auto sshd = sshds_.find(key);
    if (!sshd->second.sessions.empty() || is_alive_({key.first, key.second})) return false;
    erase(sshd);
    return true;
  });
}

// Those that serve a session stay, and are as many as there are sessions.
void Forwards::make_room(BootTime now) {
  const auto is_waiting = [this](const Key& key) { return sshds_.at(key).sessions.empty(); };
  const auto waiting = [&] {
    return static_cast<size_t>(std::count_if(order_.begin(), order_.end(), is_waiting));
  };
  if (order_.size() < kWaitingMax || waiting() < kWaitingMax) return;
  forget_the_dead();
  if (waiting() < kWaitingMax) return;
  const auto oldest = std::find_if(order_.begin(), order_.end(), is_waiting);
  erase(sshds_.find(*oldest));
  order_.erase(oldest);
  since_ = now;
}

void Forwards::erase(std::map<Key, Sshd>::iterator sshd) {
  noted_ -= sshd->second.noted.size();
  sshds_.erase(sshd);
}

}  // namespace stele::agent
