// FollowedSessions: the agent's sessions, each with what its processes execute, as the kernel tells
// it (commands/watch.h); and who is on a terminal without one.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "agent/coverage.h"
#include "agent/forwards.h"
#include "agent/login_records.h"
#include "agent/session_host.h"
#include "agent/session_memory.h"
#include "commands/follower.h"

namespace stele::agent {

/// Any thread. What it is given must outlive it, and it all its sinks.
class FollowedSessions : public Sessions {
 public:
  FollowedSessions(Sessions& sessions, Clock& clock) : sessions_(sessions), clock_(clock) {}

  /// `memory`: sessions that an agent before had, whose recorders may come again. What it can not
  /// be followed by, and why (commands::start_following); empty: it is all as it should be. An
  /// error: nothing is followed, and why. `pins`: as there.
  Result<std::string> begin(const SessionMemory& memory, const commands::Pins* pins);
  /// From here on sessions are left to the next agent.
  void stop();
  /// What was noticed since the last call, for the host's own stream. To be called every second.
  std::vector<event::Finding> step();
  Coverage::Counts counts() const { return coverage_.counts(); }
  /// Once it began: why it is not seen which ports are forwarded; empty: it is.
  std::string no_forwards() const { return watch_->no_forwards(); }

  Result<Opened> open(const Owner& owner, const wire::Terms& terms, uint8_t retention_class,
                      const event::Start& start, Durable durable) override;
  Result<Known> find(const StreamId& id) override { return sessions_.find(id); }
  Result<Resumed> resume(const StreamId& id, uint64_t durable_min, Durable durable) override;

 private:
  class Sink;
  /// A session that no connection serves.
  struct Absent {
    StreamId id{};
    bool has_ended = false;
    bool is_told = false;                   // that something is left behind
    BootTime since{};                       // no connection serves it
    std::string gap = {};                   // what is missing, if anything is
    std::vector<commands::Seen> held = {};  // what it executes, until its recorder comes again
    uint64_t unheld = 0;                    // records that there was no room for
  };
  static constexpr size_t kAbsentMax = 4096, kFindingsMax = 256;
  /// Who is on a terminal still so long after their session is left behind; looked for then, and
  /// as often.
  static constexpr Micros kLeaveIn = std::chrono::seconds(2), kLookEvery = std::chrono::minutes(1);
  static constexpr Micros kSweepEvery = std::chrono::minutes(1);
  static constexpr size_t kHeldMax = 16384, kHeldBytesMax = size_t{16} << 20;  // of all sessions

  std::unique_ptr<SessionSink> followed(uint32_t pid, const StreamId& id,
                                        std::unique_ptr<SessionSink> sink, bool has_begun);
  void serve(uint32_t recorder, uint64_t number, bool is_whole);
  void note(const commands::Seen& seen);
  void note_forward(const commands::Forwarded& forward, BootTime at);
  void count_lost_forwards();
  void note_absent(const commands::Seen& seen, Absent& session);
  void hold(const commands::Seen& seen, Absent& session);
  void let_go(Absent& session);
  void left(uint64_t number, Absent session);
  void find_unnoted(const Absent& session);
  void find_killed(const event::Exit& exit, const StreamId& session);
  void find(const char* rule, const std::string& what, const StreamId& session);
  void find_left_behind(uint32_t pid, const std::string& does, Absent& session);
  void cover(const event::Start& start);
  void look_who_is_there();
  void look_who_logged_in();
  void look_who_is_left();
  Coverage::Verdict judge(const commands::OnTerminal& terminal) const;
  std::optional<StreamId> session_around(uint32_t pid);

  Sessions& sessions_;
  Clock& clock_;
  Coverage coverage_;
  LoginRecords logins_;              // of step()
  std::mutex mutex_;                 // guards what follows, and is held while a sink is told
  std::map<uint64_t, Sink*> sinks_;  // by the watch's numbers
  std::map<uint64_t, Absent> absent_;
  std::deque<uint64_t> absent_order_;  // as they came; the oldest go first
  size_t held_ = 0, held_bytes_ = 0;
  Forwards forwards_{os::is_alive};
  BootTime swept_{};            // forwards_ of the dead, last
  std::vector<uint64_t> over_;  // absent ones whose recorder ended, to be forgotten
  BootTime looked_{};           // for who is left behind
  std::vector<event::Finding> findings_;
  std::atomic<bool> is_stopping_ = false;
  std::unique_ptr<commands::Follower> watch_;  // the first to go
};

}  // namespace stele::agent
