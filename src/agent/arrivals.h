// Arrivals: what let people in, as root's side of their logins told it by PAM
// (docs/formats/wire-session.md, "arrived").
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "event/event.h"
#include "os/file_system.h"
#include "os/peer.h"
#include "wire/session.h"

namespace stele::agent {

/// Any thread. Each is kept in a small file as well, so that an agent that is started again knows
/// it. What it is given must outlive it.
class Arrivals {
 public:
  /// A login by sshd begins a session that an agent hears of within so long, and before it is over,
  /// or it is a finding.
  static constexpr Micros kPatience = std::chrono::seconds(5);
  static constexpr size_t kFindingsMax = 16;  // at once; others the next time, or as a number
  static constexpr size_t kCountMax = 4096, kBytesMax = size_t{16} << 20;
  /// Of a process, the ones that it descends from, the nearest first.
  using Ancestors = std::function<std::vector<os::Ancestor>(uint32_t pid)>;

  /// `directory`: of this boot alone.
  Arrivals(os::FileSystem& files, std::string directory, Ancestors ancestors = os::ancestors_of)
      : files_(files), directory_(std::move(directory)), ancestors_(std::move(ancestors)) {}

  /// Once, before anything else: those of an agent before. What can not be read is forgotten.
  Status begin();
  /// From this process of root's, in place of what it said before. kPermission: it is not root's;
  /// kBusy: no room now.
  Status come(const os::Peer& teller, wire::Arrived arrived);
  /// What that process told is over. kPermission: it is not root's.
  Status leave(const os::Peer& teller);
  /// What was told of the login that a recorder is of; none: nothing, or it is not certain. That
  /// login has a session then.
  std::optional<wire::Arrived> of(const os::Peer& recorder);
  /// Logins by sshd in which no session began, each once. To be called every second.
  std::vector<event::Finding> step(BootTime now);
  /// Those whose process is gone. To be called now and then.
  void forget_the_dead();
  size_t count() const;

 private:
  using Key = std::pair<uint32_t, uint64_t>;  // pid, start time
  struct Kept {
    wire::Arrived arrived;
    size_t bytes = 0;
    std::optional<BootTime> since = {};  // as step() saw it
    bool is_settled = false;             // it has a session, or was found to have none
    bool is_over = false;                // and without a session: kept until step() says so
  };

  static Key key_of(const os::ProcessKey& process) { return {process.pid, process.started}; }
  std::string path(const Key& key) const;
  void keep(const Key& key, wire::Arrived arrived, size_t bytes);
  void forget(const Key& key);
  void end(const Key& key);
  Kept* find(const os::Peer& recorder);
  Kept* find_by_audit_session(const os::Peer& recorder);

  os::FileSystem& files_;
  const std::string directory_;
  const Ancestors ancestors_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<Key, Kept> kept_;
  size_t bytes_ = 0;
};

}  // namespace stele::agent
