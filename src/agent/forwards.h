// Forwards: what each sshd connects to and listens on, for the sessions of its connection
// (docs/formats/event.md, "forward").
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/uuid.h"
#include "commands/parse.h"

namespace stele::agent {

/// The sshd that serves the connection of a process with these ancestors, the nearest first:
/// root's, or the one that root's made for the person, whatever others between call themselves.
/// nullopt: there is none, or another session's recorder is in between: that one's record has it.
std::optional<os::ProcessKey> sshd_of(const std::vector<os::Ancestor>& ancestors,
                                      const std::function<bool(uint32_t pid)>& is_recorder);

/// Not to be used by two threads at once; memory is bounded. Sessions are named as the follower
/// names them.
class Forwards {
 public:
  static constexpr size_t kEachMax = 512;      // different ones of one sshd; more are counted
  static constexpr size_t kAllMax = 65'536;    // of all
  static constexpr size_t kWaitingMax = 1024;  // sshds without a session; the oldest go first
  using IsAlive = std::function<bool(const os::ProcessKey&)>;

  explicit Forwards(IsAlive is_alive) : is_alive_(std::move(is_alive)) {}

  /// What happened before is not known.
  void begin(BootTime now) { since_ = now; }
  /// The sessions that have it to say. A finding, once of an sshd: they are all over.
  std::vector<uint64_t> saw(const commands::Forwarded& forward, BootTime at,
                            std::vector<event::Finding>& findings);
  /// So many that nobody can tell whose they were.
  void lost(uint64_t count, BootTime now);

  /// This sshd serves a session, from now on. `is_whole`: nothing of it was said by another agent.
  void serve(uint64_t session, const os::ProcessKey& sshd, bool is_whole, BootTime now);
  /// What is to be said of a session, in order; said() when the first of them was.
  struct Next {
    event::Body body;
    BootTime at;
  };
  std::optional<Next> next(uint64_t session, BootTime now) const;
  void said(uint64_t session);
  /// What is missing, when the session ends, or its connection to the agent; each once.
  std::vector<event::Gap> missing(uint64_t session);
  /// How many were said; nullopt: not known.
  std::optional<uint32_t> count(uint64_t session) const;
  /// Nothing more is said of it.
  void leave(uint64_t session, const StreamId& id);
  /// Sshds that are gone take no room.
  void forget_the_dead();

 private:
  struct Noted {
    event::Forward what;
    BootTime at;
  };
  struct Sshd {
    std::vector<Noted> noted;
    uint64_t more = 0;               // attempts that are not in it
    std::vector<uint64_t> sessions;  // that it serves
    std::optional<StreamId> over;    // the last that it served
    bool is_told = false;            // that it went on after it
  };
  struct Session {
    os::ProcessKey sshd;
    BootTime since;
    size_t said = 0;
    uint64_t more_said = 0, lost = 0;
    bool is_whole = false;
    bool lacks_before = false;  // to be said first
  };
  using Key = std::pair<uint32_t, uint64_t>;  // as os::ProcessKey

  static Key key_of(const os::ProcessKey& sshd) { return {sshd.pid, sshd.started}; }
  void make_room(BootTime now);
  void erase(std::map<Key, Sshd>::iterator sshd);

  const IsAlive is_alive_;
  std::map<Key, Sshd> sshds_;
  std::deque<Key> order_;  // of `sshds_`, as they came
  std::map<uint64_t, Session> sessions_;
  size_t noted_ = 0;  // of all
  BootTime since_{};  // of what was before, some is not known
};

}  // namespace stele::agent
