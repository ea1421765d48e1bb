// HostCoverage: which terminals of a host were recorded, by day, from the host's own stream.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "event/event.h"

namespace stele::cli {

struct CoverageDay {
  /// No agent was there.
  struct Away {
    WallTime from;  // its last word
    WallTime to;    // when another started
    std::string why;
  };

  uint64_t seen = 0, covered = 0, unrecorded = 0;  // terminals (docs/formats/event.md)
  uint64_t sessions = 0;                           // that were begun, with a terminal or without
  std::vector<std::pair<WallTime, event::Finding>> findings;  // that explain something
  std::vector<Away> away;                                     // that ended on this day

  /// Terminals of which the agent had no time to say what became.
  uint64_t undecided() const;
};

class HostCoverage {
 public:
  /// The host's events, as they are ordered.
  void note(WallTime at, const event::Body& body);
  /// By date (UTC); days of which there is nothing to say are left out.
  const std::map<std::string, CoverageDay>& days() const { return days_; }
  WallTime last_word() const { return last_word_; }

 private:
  void count(CoverageDay& day, const event::HostSummary& summary);
  void start(CoverageDay& day, WallTime at, const event::HostStart& start);

  std::map<std::string, CoverageDay> days_;
  event::HostSummary counted_;  // of this run of the agent
  WallTime last_word_;
  std::optional<event::HostStart> before_;
  std::string stopped_;  // why
};

/// Fit for a terminal.
std::vector<std::string> lines_of(const HostCoverage& coverage, const std::string& host,
                                  const std::string& state);

}  // namespace stele::cli
