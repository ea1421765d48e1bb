#include "agent/coverage.h"

#include <utility>

#include "os/who.h"

namespace stele::agent {
namespace {

std::string person(uint32_t uid) {
  const std::string name = os::user_name(uid);
  return name.empty() ? std::to_string(uid) : name + " (" + std::to_string(uid) + ")";
}

std::string text_of(const commands::OnTerminal& terminal) {
  const bool is_told = terminal.login_uid != commands::kUnset;
  return "unrecorded: " +
         (is_told ? person(terminal.login_uid) + " logged in"
                  : "no login uid is set, utmp names " + terminal.user) +
         ", uid " + std::to_string(terminal.uid) + ", is on " + terminal.tty +
         (is_told ? ", audit session " + std::to_string(terminal.audit_session) : "") +
         ", and no recording covers it; first there: " + terminal.program + ", pid " +
         std::to_string(terminal.pid);
}

}  // namespace

void Coverage::saw(const commands::OnTerminal& terminal, BootTime at) {
  const std::lock_guard lock(mutex_);
  const Key key{terminal.audit_session, terminal.terminal};
  const auto [known, is_new] = terminals_.try_emplace(key, Terminal{.first = terminal, .at = at});
  if (is_new || terminal.audit_session == commands::kUnset) {  // utmp names each login once
    ++counts_.seen;
    known->second = {.first = terminal, .at = at};
    if (is_new) order_.push_back(key);
    make_room();
  } else if (known->second.state == State::kCovered) {
    known->second = {.first = terminal, .at = at, .is_counted_covered = true};
  }
}

void Coverage::make_room() {
  if (order_.size() <= kTerminalsMax) return;
  const auto oldest = terminals_.find(order_.front());
  order_.pop_front();
  if (oldest->second.state == State::kWaiting) {
    ++counts_.unrecorded;
    ++unnamed_;
  }
  terminals_.erase(oldest);
}

void Coverage::cover(Terminal& terminal) {
  terminal.state = State::kCovered;
  if (!std::exchange(terminal.is_counted_covered, true)) ++counts_.covered;
}

std::vector<commands::OnTerminal> Coverage::cover(uint32_t audit_session, const std::string& tty,
                                                  BootTime at) {
  const std::lock_guard lock(mutex_);
  std::vector<commands::OnTerminal> covered;
  const auto end = terminals_.upper_bound({audit_session, UINT32_MAX});
  for (auto each = terminals_.lower_bound({audit_session, 0}); each != end; ++each) {
    Terminal& terminal = each->second;
    if (terminal.first.tty != tty || terminal.state == State::kUnrecorded) continue;
    if (terminal.at <= at) cover(terminal);
    covered.push_back(terminal.first);
  }
  return covered;
}

std::vector<event::Finding> Coverage::step(BootTime now, const Judge& judge) {
  std::vector<commands::OnTerminal> named;  // told without the lock: names are asked for elsewhere
  uint64_t more = 0;
  {
    const std::lock_guard lock(mutex_);
    if (now - named_since_ >= kNamedEvery) {
      named_since_ = now;
      named_ = 0;
      more = std::exchange(unnamed_, 0);
    }
    for (auto& [key, terminal] : terminals_) {
      if (terminal.state != State::kWaiting || now - terminal.at < kPatience) continue;
      const Verdict verdict = judge(terminal.first);
      if (verdict == Verdict::kRecorded) cover(terminal);
      if (verdict == Verdict::kNobody) terminal.state = State::kUndecided;
      if (verdict != Verdict::kUnrecorded) continue;
      if (may_name()) named.push_back(terminal.first);
      if (std::exchange(terminal.is_counted_covered, false)) --counts_.covered;
      terminal.state = State::kUnrecorded;
      ++counts_.unrecorded;
    }
  }
  std::vector<event::Finding> findings;
  for (const commands::OnTerminal& each : named)
    findings.push_back({"unrecorded", text_of(each), {}, {}});
  if (more > 0) {
    findings.push_back({"unrecorded",
                        "unrecorded: " + std::to_string(more) +
                            " more terminals, of which no recording covers any",
                        {},
                        {}});
  }
  return findings;
}

bool Coverage::may_name() {
  if (named_ < kNamedMax) return ++named_ > 0;
  ++unnamed_;
  return false;
}

Coverage::Counts Coverage::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace stele::agent
