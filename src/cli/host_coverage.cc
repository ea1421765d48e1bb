#include "cli/host_coverage.h"

#include <algorithm>
#include <array>

#include "cli/common.h"

namespace stele::cli {
namespace {

constexpr std::array<std::string_view, 4> kExplaining = {"unrecorded", "recorder-killed",
                                                         "left-behind", "commands"};

/// An agent that was killed is closed by the next: this is not its own word.
bool is_word_of_next(const event::Body& body) {
  const auto* stop = std::get_if<event::HostStop>(&body);
  return stop != nullptr && stop->why.starts_with("killed");
}

uint64_t more(uint64_t now, uint64_t before) { return now > before ? now - before : 0; }

std::string second_of(WallTime at) { return rfc3339(at).substr(0, 19); }

}  // namespace

uint64_t CoverageDay::undecided() const { return more(seen, covered + unrecorded); }

void HostCoverage::note(WallTime at, const event::Body& body) {
  CoverageDay& day = days_[rfc3339(at).substr(0, 10)];
  if (const auto* starts = std::get_if<event::HostStart>(&body)) {
    start(day, at, *starts);
  } else if (const auto* stop = std::get_if<event::HostStop>(&body)) {
    stopped_ = stop->why;
  } else if (const auto* summary = std::get_if<event::HostSummary>(&body)) {
    count(day, *summary);
  } else if (std::holds_alternative<event::SessionNumber>(body)) {
    ++day.sessions;
  } else if (const auto* finding = std::get_if<event::Finding>(&body)) {
    if (std::find(kExplaining.begin(), kExplaining.end(), finding->rule) != kExplaining.end())
      day.findings.emplace_back(at, *finding);
  }
  if (!is_word_of_next(body)) last_word_ = at;
}

// Counts are of one run of the agent, and only grow; a terminal that was covered may be found later
// to have somebody beside its recording.
void HostCoverage::count(CoverageDay& day, const event::HostSummary& summary) {
  day.seen += more(summary.seen, counted_.seen);
  day.unrecorded += more(summary.unrecorded, counted_.unrecorded);
  day.covered += more(summary.covered, counted_.covered);
  day.covered -= std::min(day.covered, more(counted_.covered, summary.covered));
  counted_ = summary;
}

void HostCoverage::start(CoverageDay& day, WallTime at, const event::HostStart& start) {
  if (before_) {
    const bool is_reboot = before_->boot_id != start.boot_id;
    day.away.push_back({last_word_, at, is_reboot ? "the host restarted" : stopped_});
  }
  before_ = start;
  counted_ = {};
  stopped_.clear();
}

std::vector<std::string> lines_of(const HostCoverage& coverage, const std::string& host,
                                  const std::string& state) {
  std::vector<std::string> lines;
  for (const auto& [date, day] : coverage.days()) {
    std::string line = printable(host) + "  " + date + "  terminals seen " +
                       std::to_string(day.seen) + ", recorded " + std::to_string(day.covered) +
                       ", not recorded " + std::to_string(day.unrecorded);
    if (day.undecided() > 0) line += ", not decided " + std::to_string(day.undecided());
    lines.push_back(line + "; sessions " + std::to_string(day.sessions));
    for (const auto& [at, finding] : day.findings)
      lines.push_back("    " + second_of(at) + "  " + printable(finding.what));
    for (const CoverageDay::Away& away : day.away)
      lines.push_back("    " + second_of(away.to) + "  no agent since " + second_of(away.from) +
                      " (" + printable(away.why) +
                      "): what was recorded says so, what was not is "
                      "found if it was there still");
  }
  if (state != "up")
    lines.push_back("    no agent since " + second_of(coverage.last_word()) + ", and none now (" +
                    printable(state) + ")");
  return lines;
}

}  // namespace stele::cli
