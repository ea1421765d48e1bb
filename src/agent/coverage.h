// Coverage: who is on a terminal of this host, held against what is recorded
// (docs/formats/host-stream.md, "Terminals without a recording").
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "commands/parse.h"
#include "event/event.h"

namespace stele::agent {

/// Terminals, each by its audit session and its number. Any thread; memory is bounded.
class Coverage {
 public:
  /// A login becomes a recorded session within so long, or it is a finding.
  static constexpr Micros kPatience = std::chrono::milliseconds(2500);
  static constexpr size_t kTerminalsMax = 4096;  // known at once; the oldest go first
  /// Findings by name, in a minute; more of them are counted.
  static constexpr size_t kNamedMax = 64;
  static constexpr Micros kNamedEvery = std::chrono::minutes(1);

  struct Counts {
    uint64_t seen = 0, covered = 0, unrecorded = 0;
    bool operator==(const Counts&) const = default;
  };

  /// Somebody whom nobody follows was there, at this time.
  void saw(const commands::OnTerminal& terminal, BootTime at);
  /// A recording began whose recorder is there. What is to be told again should anybody come after
  /// it: those who were there before, the recorder and who made it, are covered.
  std::vector<commands::OnTerminal> cover(uint32_t audit_session, const std::string& tty,
                                          BootTime at);
  /// What is the matter with a terminal after all; nobody is there any more: it stays undecided.
  enum class Verdict { kRecorded, kUnrecorded, kNobody };
  using Judge = std::function<Verdict(const commands::OnTerminal&)>;
  /// Decides what is due. The findings.
  std::vector<event::Finding> step(BootTime now, const Judge& judge);
  Counts counts() const;

 private:
  enum class State { kWaiting, kCovered, kUnrecorded, kUndecided };
  struct Terminal {
    commands::OnTerminal first;
    BootTime at;
    State state = State::kWaiting;
    bool is_counted_covered = false;
  };
  using Key = std::pair<uint32_t, uint32_t>;  // audit session, terminal

  void cover(Terminal& terminal);
  bool may_name();
  void make_room();

  mutable std::mutex mutex_;  // guards what follows
  std::map<Key, Terminal> terminals_;
  std::deque<Key> order_;  // of `terminals_`, as they came
  Counts counts_;
  BootTime named_since_{};
  size_t named_ = 0, unnamed_ = 0;
};

}  // namespace stele::agent
