#include "agent/followed_sessions.h"

#include <algorithm>
#include <set>
#include <utility>

namespace stele::agent {
namespace {

constexpr const char* kAwayGap =
    "what was executed or forwarded while the agent was away was not seen";
constexpr const char* kKilledGap =
    "the agent was killed: of what was executed or forwarded in the moment before, some may be "
    "missing";

constexpr const char* kStoppedGap =
    "the agent was being stopped: of what was executed or forwarded last, some may be missing";

size_t bytes_of(const commands::Seen& seen) {
  size_t bytes = sizeof seen;
  for (const event::Body& body : seen.bodies) {
    bytes += sizeof body;
    const auto* exec = std::get_if<event::Exec>(&body);
    if (exec == nullptr) continue;
    bytes += exec->file.size() + exec->cwd.size();
    for (const std::string& each : exec->argv) bytes += sizeof each + each.size();
  }
  return bytes;
}

event::Gap gap(std::string why) { return {std::move(why), 0, 0, Micros(0)}; }

/// The watch's number of a session: the same for every agent that has it, and random.
uint64_t number_of(const StreamId& id) {
  uint64_t number = 0;
  for (size_t i = id.size() - sizeof number; i < id.size(); ++i) number = number << 8 | id[i];
  return number;
}

}  // namespace

class FollowedSessions::Sink : public SessionSink {
 public:
  /// `has_begun`: its terms were said.
  Sink(FollowedSessions& all, uint32_t recorder, const StreamId& id,
       std::unique_ptr<SessionSink> sink, bool has_begun)
      : all_(all),
        recorder_(recorder),
        id_(id),
        number_(number_of(id)),
        sink_(std::move(sink)),
        has_begun_(has_begun) {
    const std::lock_guard lock(all_.mutex_);
    all_.sinks_[number_] = this;
    const auto before = all_.absent_.find(number_);
    if (before == all_.absent_.end()) return;
    for (const commands::Seen& each : before->second.held) saw(each);
    if (!before->second.gap.empty()) (void)sink_->note(all_.clock_.boot(), gap(before->second.gap));
    unnoted_ += before->second.unheld;
    all_.let_go(before->second);
    all_.absent_.erase(before);
  }
  ~Sink() override {
    if (!has_ended_) settle();  // cut: what is missing is said all the same
    bool is_over = false;
    {
      const std::lock_guard lock(all_.mutex_);
      is_over = has_ended_ || has_recorder_ended_;
      all_.sinks_.erase(number_);
      if (is_over) all_.forwards_.leave(number_, id_);
      all_.left(number_, {.id = id_, .has_ended = is_over, .since = all_.clock_.boot()});
    }
    all_.watch_->leave();
    if (is_over) all_.watch_->forget(number_);
  }

  Status output(BootTime at, ByteSpan bytes) override { return sink_->output(at, bytes); }
  Status input(BootTime at, ByteSpan bytes) override { return sink_->input(at, bytes); }
  Status event(BootTime at, event::Lane lane, const event::Body& body) override {
    if (std::holds_alternative<event::End>(body)) {
      settle();
      if (all_.is_stopping_) (void)sink_->note(all_.clock_.boot(), gap(kStoppedGap));
      has_ended_ = true;
      event::End end = std::get<event::End>(body);
      end.forwards = forwards();
      return sink_->event(at, lane, end);
    }
    return sink_->event(at, lane, body);
  }
  Status note(BootTime at, const event::Body& body) override { return sink_->note(at, body); }
  Status stand_for(BootTime at, const std::vector<event::Body>& bodies) override {
    return sink_->stand_for(at, bodies);
  }
  void passed_on() override {
    if (!has_begun_) begin();
    sink_->passed_on();
  }
  Status close() override { return sink_->close(); }
  const StreamId& id() const { return id_; }
  uint32_t recorder() const { return recorder_; }

  /// Under all_'s mutex. What there is no room for now stays to be said.
  void say_forwards() {
    if (!has_begun_ || has_ended_) return;
    while (const auto next = all_.forwards_.next(number_, all_.clock_.boot())) {
      if (!sink_->note(next->at, next->body)) return;
      all_.forwards_.said(number_);
    }
  }

  /// Under all_'s mutex.
  void saw(const commands::Seen& seen) {
    if (seen.recorder) {
      has_recorder_ended_ = true;
      if (!has_ended_) all_.find_killed(*seen.recorder, id_);
    }
    for (const event::Body& body : seen.bodies)
      if (!sink_->note(seen.at, body)) ++unnoted_;
  }

 private:
  void begin() {
    const std::lock_guard lock(all_.mutex_);
    has_begun_ = true;
    say_forwards();
  }
  std::optional<uint32_t> forwards() {
    const std::lock_guard lock(all_.mutex_);
    return all_.forwards_.count(number_);
  }

  // All that it executed, and its connection forwarded, stands before its end.
  void settle() {
    if (all_.is_stopping_) return;  // the next agent goes on from here
    all_.watch_->settle();
    uint64_t lost = all_.watch_->take_lost(number_);
    {
      const std::lock_guard lock(all_.mutex_);
      lost += std::exchange(unnoted_, 0);
      all_.count_lost_forwards();
      say_forwards();
      for (event::Gap& each : all_.forwards_.missing(number_))
        (void)sink_->note(all_.clock_.boot(), std::move(each));
    }
    if (lost > 0)
      (void)sink_->note(all_.clock_.boot(),
                        gap(std::to_string(lost) + " records of what was executed were lost"));
  }

  FollowedSessions& all_;
  const uint32_t recorder_;  // its pid
  const StreamId id_;
  const uint64_t number_;
  const std::unique_ptr<SessionSink> sink_;
  uint64_t unnoted_ = 0;
  bool has_begun_;  // set by the connection's thread, under all_'s mutex
  std::atomic<bool> has_ended_ = false;
  bool has_recorder_ended_ = false;
};

Result<std::string> FollowedSessions::begin(const SessionMemory& memory,
                                            const commands::Pins* pins) {
  std::vector<commands::Follower::Known> known;
  std::vector<event::Start> starts;
  const auto ids = memory.all();
  for (const StreamId& id : ids ? *ids : std::vector<StreamId>()) {
    auto session = memory.recall(id);
    if (!session) continue;
    {
      const std::lock_guard lock(mutex_);
      left(number_of(id), {.id = id, .since = clock_.boot(), .gap = kAwayGap});
    }
    if (!os::is_alive(session->owner.process)) continue;
    known.push_back({session->owner.process.pid, number_of(id)});
    starts.push_back(std::move(session->start));
  }
  TRY(commands::Following following,
      commands::start_following([this](const commands::Seen& seen) { note(seen); }, known, pins));
  watch_ = std::move(following.follower);
  {
    const std::lock_guard lock(mutex_);
    forwards_.begin(clock_.boot());
  }
  if (watch_->before() != commands::Follower::Before::kNothing) {
    const bool was_killed = watch_->before() == commands::Follower::Before::kKilled;
    const std::lock_guard lock(mutex_);
    for (auto& [number, session] : absent_) session.gap = was_killed ? kKilledGap : "";
  }
  look_who_is_there();
  for (const event::Start& start : starts) cover(start);
  return following.instead;
}

// Who was on a terminal before the programs were is not told by them.
void FollowedSessions::look_who_is_there() {
  auto all = os::processes_on_terminals();
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.started < b.started; });
  for (const os::ProcessOnTerminal& each : all) {
    if (each.login_uid == commands::kUnset || watch_->followed(each.pid)) continue;
    coverage_.saw(on_terminal(each), clock_.boot());
  }
}

// Of who has no login uid the programs do not tell, and a file that can not be read tells nothing.
// An entry whose writer is gone was left there, by a crash perhaps: it would name somebody else.
void FollowedSessions::look_who_logged_in() {
  auto logins = os::logins();
  if (!logins) return;
  std::erase_if(*logins, [](const os::Login& login) { return !os::look_at(login.pid); });
  for (const auto& each : logins_.look(clock_.boot(), *logins, os::processes_on_terminals))
    coverage_.saw(each, clock_.boot());
}

Coverage::Verdict FollowedSessions::judge(const commands::OnTerminal& terminal) const {
  using enum Coverage::Verdict;
  // It was made while the programs were being started: its parent is one of a session's.
  if (watch_->followed(terminal.pid) || watch_->followed(terminal.parent)) return kRecorded;
  if (terminal.login_uid != commands::kUnset) return kUnrecorded;
  // Of these nobody tells who came first: one who is followed is enough.
  bool is_anybody_there = false;
  for (const os::ProcessOnTerminal& each : os::processes_on_terminals()) {
    if (each.terminal != terminal.terminal) continue;
    is_anybody_there = true;
    if (watch_->followed(each.pid)) return kRecorded;
  }
  return is_anybody_there ? kUnrecorded : kNobody;
}

// What is left behind may write to a terminal and execute nothing.
void FollowedSessions::look_who_is_left() {
  const BootTime now = clock_.boot();
  bool is_due = false;
  {
    const std::lock_guard lock(mutex_);
    const bool is_time = now - looked_ >= kLookEvery;
    for (auto& [number, session] : absent_) {
      if (!session.has_ended || session.is_told) continue;
      const bool is_new = session.since + kLeaveIn > looked_;
      is_due = is_due || is_time || (is_new && now - session.since >= kLeaveIn);
    }
    if (!is_due) return;
    looked_ = now;
  }
  const auto all = os::processes_on_terminals();
  const std::lock_guard lock(mutex_);
  std::set<uint32_t> recorded;  // terminals of sessions that go on: what is written there is kept
  std::vector<std::pair<const os::ProcessOnTerminal*, Absent*>> left;
  for (const os::ProcessOnTerminal& each : all) {
    const auto followed = watch_->followed(each.pid);
    if (!followed) continue;
    const auto absent = absent_.find(followed->session);
    if (absent == absent_.end() || !absent->second.has_ended)
      recorded.insert(each.terminal);
    else if (now - absent->second.since >= kLeaveIn)
      left.emplace_back(&each, &absent->second);
  }
  for (const auto& [process, session] : left) {
    if (!recorded.contains(process->terminal))
      find_left_behind(process->pid, "is on " + os::terminal_of(process->terminal), *session);
  }
}

void FollowedSessions::note(const commands::Seen& seen) {
  if (seen.terminal) return coverage_.saw(*seen.terminal, seen.at);
  const std::lock_guard lock(mutex_);
  if (seen.forward) return note_forward(*seen.forward, seen.at);
  const auto sink = sinks_.find(seen.session);
  if (sink != sinks_.end()) return sink->second->saw(seen);
  const auto absent = absent_.find(seen.session);
  if (absent != absent_.end()) note_absent(seen, absent->second);
}

// Who is absent has it to say when its recorder is there again.
void FollowedSessions::note_forward(const commands::Forwarded& forward, BootTime at) {
  std::vector<event::Finding> findings;
  for (const uint64_t number : forwards_.saw(forward, at, findings)) {
    const auto sink = sinks_.find(number);
    if (sink != sinks_.end()) sink->second->say_forwards();
  }
  for (const event::Finding& each : findings) find("left-behind", each.what, *each.stream);
}

void FollowedSessions::count_lost_forwards() {
  forwards_.lost(watch_->take_lost_forwards(), clock_.boot());
}

// A session whose recorder is to come again has a gap for this. Once a session that has ended is
// enough.
void FollowedSessions::note_absent(const commands::Seen& seen, Absent& session) {
  if (seen.recorder && !std::exchange(session.has_ended, true)) {
    session.since = clock_.boot();
    find_killed(*seen.recorder, session.id);
    find_unnoted(session);
    forwards_.leave(seen.session, session.id);
    over_.push_back(seen.session);
  }
  if (!session.has_ended) return hold(seen, session);
  let_go(session);
  for (const event::Body& body : seen.bodies) {
    const auto* exec = std::get_if<event::Exec>(&body);
    if (exec != nullptr) find_left_behind(exec->pid, "executes " + exec->file, session);
  }
}

void FollowedSessions::find_left_behind(uint32_t pid, const std::string& does, Absent& session) {
  if (std::exchange(session.is_told, true)) return;
  find("left-behind",
       "left-behind: pid " + std::to_string(pid) + " of a session that has ended " + does +
           ", and maybe more: it is in no record",
       session.id);
}

// One that ends by itself has said why, or was about to.
void FollowedSessions::find_killed(const event::Exit& exit, const StreamId& session) {
  if (!exit.signal) return;
  find("recorder-killed",
       "recorder-killed: pid " + std::to_string(exit.pid) + ", by signal " +
           std::to_string(*exit.signal) + ": its session is cut",
       session);
}

// Its recorder ended before an agent was there again.
void FollowedSessions::find_unnoted(const Absent& session) {
  const uint64_t records = session.held.size() + session.unheld;
  if (records == 0) return;
  find("left-behind",
       "left-behind: " + std::to_string(records) +
           " records of what a session executed without an agent are in no record: it was cut",
       session.id);
}

void FollowedSessions::hold(const commands::Seen& seen, Absent& session) {
  const size_t bytes = bytes_of(seen);
  if (held_ >= kHeldMax || held_bytes_ + bytes > kHeldBytesMax) {
    ++session.unheld;
    return;
  }
  ++held_;
  held_bytes_ += bytes;
  session.held.push_back(seen);
}

void FollowedSessions::let_go(Absent& session) {
  held_ -= session.held.size();
  for (const commands::Seen& each : session.held) held_bytes_ -= bytes_of(each);
  session.held.clear();
}

void FollowedSessions::left(uint64_t number, Absent session) {
  if (absent_.insert_or_assign(number, std::move(session)).second) absent_order_.push_back(number);
  if (absent_order_.size() <= kAbsentMax) return;
  const auto oldest = absent_.find(absent_order_.front());
  absent_order_.pop_front();
  if (oldest == absent_.end()) return;
  let_go(oldest->second);
  forwards_.leave(oldest->first, oldest->second.id);
  absent_.erase(oldest);
}

void FollowedSessions::stop() {
  if (!watch_) return;
  watch_->settle();
  is_stopping_ = true;
  watch_->stop();
}

// Who is told writes to a disk, and is not waited for here.
void FollowedSessions::find(const char* rule, const std::string& what, const StreamId& session) {
  if (findings_.size() < kFindingsMax) findings_.push_back({rule, what, session, {}});
}

std::vector<event::Finding> FollowedSessions::step() {
  if (!watch_) return {};
  look_who_logged_in();
  look_who_is_left();
  auto findings = coverage_.step(clock_.boot(), [this](const auto& each) { return judge(each); });
  const std::lock_guard lock(mutex_);
  for (event::Finding& each : std::exchange(findings_, {})) findings.push_back(std::move(each));
  for (const uint64_t number : std::exchange(over_, {})) watch_->forget(number);
  count_lost_forwards();
  if (clock_.boot() - swept_ >= kSweepEvery) {
    swept_ = clock_.boot();
    forwards_.forget_the_dead();
  }
  return findings;
}

// The recorder, who made it, and who was there before are covered; all that come later and are not
// followed are not.
void FollowedSessions::cover(const event::Start& start) {
  if (start.tty.empty()) return;
  const BootTime now = clock_.boot();
  watch_->settle();
  const uint32_t audit_session = start.audit_session.value_or(commands::kUnset);
  for (const auto& terminal : coverage_.cover(audit_session, start.tty, now))
    watch_->forget_terminal(terminal);
}

// Also of whom its ancestors do not lead there any more: who made it has ended, as a terminal
// multiplexer's first process does.
std::optional<StreamId> FollowedSessions::session_around(uint32_t pid) {
  const auto followed = watch_->followed(pid);
  if (!followed || followed->is_recorder) return std::nullopt;  // of a session of its own
  const uint64_t number = followed->session;
  const std::lock_guard lock(mutex_);
  if (const auto sink = sinks_.find(number); sink != sinks_.end()) return sink->second->id();
  const auto absent = absent_.find(number);
  return absent != absent_.end() ? std::optional(absent->second.id) : std::nullopt;
}

// The recorder has not been answered yet, so that it has not started anything.
Result<Sessions::Opened> FollowedSessions::open(const Owner& owner, const wire::Terms& terms,
                                                uint8_t retention_class, const event::Start& start,
                                                Durable durable) {
  if (!watch_) return sessions_.open(owner, terms, retention_class, start, std::move(durable));
  event::Start with = start;
  with.commands = watch_->name();
  if (watch_->no_forwards().empty()) with.forwards = watch_->name();
  if (const auto around = session_around(owner.process.pid)) {
    with.parent_session = to_string(*around);
    with.known["parent"] = event::Known::kKernel;
  }
  TRY(Opened opened, sessions_.open(owner, terms, retention_class, with, std::move(durable)));
  serve(owner.process.pid, number_of(opened.id), true);
  opened.sink = followed(owner.process.pid, opened.id, std::move(opened.sink), false);
  cover(start);
  return opened;
}

Result<Sessions::Resumed> FollowedSessions::resume(const StreamId& id, uint64_t durable_min,
                                                   Durable durable) {
  if (!watch_) return sessions_.resume(id, durable_min, std::move(durable));
  TRY(const Known known, sessions_.find(id));
  TRY(Resumed resumed, sessions_.resume(id, durable_min, std::move(durable)));
  if (!resumed.sink) return resumed;
  serve(known.owner.process.pid, number_of(id), false);
  const bool has_begun = resumed.durable > wire::kOpeningNumber;
  resumed.sink = followed(known.owner.process.pid, id, std::move(resumed.sink), has_begun);
  return resumed;
}

// What its connection did before is known then.
void FollowedSessions::serve(uint32_t recorder, uint64_t number, bool is_whole) {
  if (!watch_->no_forwards().empty()) return;
  const BootTime now = clock_.boot();
  watch_->settle();
  const auto ancestors = os::ancestors_of(recorder);
  const std::lock_guard lock(mutex_);
  const auto is_recorder = [this](uint32_t pid) {
    return std::any_of(sinks_.begin(), sinks_.end(),
                       [pid](const auto& each) { return each.second->recorder() == pid; });
  };
  const auto sshd = sshd_of(ancestors, is_recorder);
  if (sshd) forwards_.serve(number, *sshd, is_whole, now);
}

std::unique_ptr<SessionSink> FollowedSessions::followed(uint32_t pid, const StreamId& id,
                                                        std::unique_ptr<SessionSink> sink,
                                                        bool has_begun) {
  auto followed = std::make_unique<Sink>(*this, pid, id, std::move(sink), has_begun);
  if (const Status begun = watch_->follow(pid, number_of(id)); !begun)
    (void)followed->note(clock_.boot(),
                         gap("what is executed is not seen: " + begun.error().message()));
  if (has_begun) {
    const std::lock_guard lock(mutex_);
    followed->say_forwards();
  }
  return followed;
}

}  // namespace stele::agent
