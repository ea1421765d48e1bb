#include "commands/process_events.h"

#include <array>

#include "os/hardening.h"
#include "os/peer.h"
#include "os/pty.h"
#include "os/thread.h"

namespace stele::commands {
namespace {

using What = os::ProcessEvent::What;

constexpr size_t kProcessesMax = 65'536, kTerminalsMax = 4096;
constexpr size_t kArgvBytesMax = size_t{28} << 10;  // as the programs in the kernel

event::Credentials credentials(const os::Running& now) {
  return {now.uid, now.euid, now.gid, now.egid, now.capabilities};
}

event::Exit exit_of(const os::ProcessEvent& event) {
  constexpr uint32_t kSignal = 0x7f, kCore = 0x80;
  event::Exit exit;
  exit.pid = event.pid;
  const uint32_t signal = event.status & kSignal;
  if (signal == 0) {
    exit.exit_status = static_cast<uint8_t>(event.status >> 8);
  } else {
    exit.signal = static_cast<uint8_t>(signal);
    exit.core_dumped = (event.status & kCore) != 0;
  }
  return exit;
}

event::Exec exec_of(uint32_t pid, const os::Running& now) {
  event::Exec exec;
  exec.pid = pid;
  exec.parent = now.parent;
  exec.file = now.file;
  exec.cwd = now.cwd;
  exec.argv = now.argv;
  exec.uid = now.uid;
  exec.euid = now.euid;
  exec.gid = now.gid;
  exec.egid = now.egid;
  exec.tty = os::terminal_of(now.terminal);
  exec.login_uid = now.login_uid;
  exec.audit_session = now.audit_session;
  exec.is_cut = now.is_cut || now.file.empty() || now.cwd.empty() || now.argv.empty();
  return exec;
}

event::Exec unseen_exec(uint32_t pid, uint32_t parent) {
  constexpr uint32_t kUnknown = UINT32_MAX;  // nobody's number
  event::Exec exec;
  exec.pid = pid;
  exec.parent = parent;
  exec.uid = exec.euid = exec.gid = exec.egid = kUnknown;
  exec.is_cut = true;
  return exec;
}

}  // namespace

Result<std::unique_ptr<ProcessEvents>> ProcessEvents::start(Sink sink,
                                                            const std::vector<Known>& known) {
  if (!os::sees_kernel_pids())
    return fail(Code::kUnsupported, "this is a PID namespace of its own");
  TRY(auto connector, os::ProcessConnector::open());
  TRY(os::Wake wake, os::Wake::make());
  TRY_VOID(os::give_up_watching());
  std::unique_ptr<ProcessEvents> events(
      new ProcessEvents(std::move(sink), std::move(connector), std::move(wake)));
  ProcessEvents* const self = events.get();
  for (const Known& each : known) TRY_VOID(self->put_tree(each.pid, each.session));
  TRY(self->thread_, os::start_thread([self] { self->run(); }));
  return events;
}

ProcessEvents::~ProcessEvents() { end(); }

void ProcessEvents::end() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  wake_.wake();
  thread_.join();
}

void ProcessEvents::run() {
  for (;;) {
    std::array<os::Readiness, 2> set = {
        {{.fd = connector_.fd(), .want_read = true}, {.fd = wake_.fd(), .want_read = true}}};
    os::wait_until_ready(set, std::nullopt);
    if (stopping_) return;
    consume();
  }
}

void ProcessEvents::settle() { consume(); }

void ProcessEvents::consume() {
  const std::lock_guard reading(reading_);
  for (auto batch = connector_.read(); !batch.is_empty(); batch = connector_.read()) {
    for (const os::ProcessEvent& each : batch.events)
      if (const auto seen = take(each)) sink_(*seen);
    if (batch.has_lost) some_were_lost();
  }
}

std::optional<Seen> ProcessEvents::take(const os::ProcessEvent& event) {
  const std::lock_guard lock(mutex_);
  switch (event.what) {
    case What::kFork:
      forked(event);
      return std::nullopt;
    case What::kExec:
      return executed(event);
    case What::kExit:
      return ended(event);
  }
  return std::nullopt;
}

// A number is a new process's now, whoever had it before.
void ProcessEvents::forked(const os::ProcessEvent& event) {
  const auto parent = processes_.find(event.parent);
  if (parent == processes_.end()) {
    processes_.erase(event.pid);
    return;
  }
  Process child = parent->second;
  child.parent = event.parent;
  child.has_executed = child.is_recorder = child.has_ended = false;
  const uint64_t session = child.session;
  const auto counted = lost_.find(session);
  if (!put(event.pid, child) && counted != lost_.end()) ++counted->second;
}

std::optional<Seen> ProcessEvents::executed(const os::ProcessEvent& event) {
  const auto found = processes_.find(event.pid);
  const auto now = os::running(event.pid, kArgvBytesMax);
  if (found == processes_.end()) return now ? on_terminal(event, *now) : std::nullopt;
  Process& process = found->second;
  process.has_executed = true;
  Seen seen{process.session, event.at, {}};
  if (!now) {  // over before it could be looked at
    seen.bodies.emplace_back(unseen_exec(event.pid, process.parent));
    return seen;
  }
  const event::Credentials rights = credentials(*now);
  if (process.last && *process.last != rights)
    seen.bodies.emplace_back(event::Privilege{event.pid, *process.last, rights});
  process.last = rights;
  seen.bodies.emplace_back(exec_of(event.pid, *now));
  return seen;
}

std::optional<Seen> ProcessEvents::ended(const os::ProcessEvent& event) {
  const auto found = processes_.find(event.pid);
  if (found == processes_.end() || std::exchange(found->second.has_ended, true))
    return std::nullopt;
  const Process& process = found->second;
  Seen seen{process.session, event.at, {}};
  if (process.is_recorder)
    seen.recorder = exit_of(event);
  else if (process.has_executed)
    seen.bodies.emplace_back(exit_of(event));
  else
    return std::nullopt;
  return seen;
}

std::optional<Seen> ProcessEvents::on_terminal(const os::ProcessEvent& event,
                                               const os::Running& now) {
  if (now.terminal == 0 || !now.login_uid || !now.audit_session) return std::nullopt;
  if (told_.size() >= kTerminalsMax) told_.clear();  // told again, should anybody be there
  if (!told_.emplace(*now.audit_session, now.terminal).second) return std::nullopt;
  Seen seen{0, event.at, {}};
  seen.terminal = OnTerminal{.audit_session = *now.audit_session,
                             .terminal = now.terminal,
                             .tty = os::terminal_of(now.terminal),
                             .login_uid = *now.login_uid,
                             .uid = now.uid,
                             .pid = event.pid,
                             .parent = now.parent,
                             .program = now.file};
  if (now.file.empty() && !now.argv.empty()) seen.terminal->program = now.argv[0];
  return seen;
}

// Of whom, nobody knows: every session lacks something. A number may be another process's by now,
// so that only recorders that still live, and whom they have now, are followed on.
void ProcessEvents::some_were_lost() {
  const std::lock_guard lock(mutex_);
  for (auto& [session, count] : lost_) ++count;
  const auto before = std::exchange(processes_, {});
  const auto keep = [&](uint32_t pid, uint64_t session, bool is_recorder) {
    const auto known = before.find(pid);
    const bool is_same = known != before.end() && known->second.session == session;
    (void)put(pid,
              is_same
                  ? known->second
                  : Process{.session = session, .has_executed = true, .is_recorder = is_recorder});
  };
  for (const auto& [session, recorder] : recorders_) {
    if (!os::is_alive(recorder)) continue;
    keep(recorder.pid, session, true);
    for (const uint32_t child : os::descendants_of(recorder.pid)) keep(child, session, false);
  }
}

Status ProcessEvents::put(uint32_t pid, const Process& process) {
  if (processes_.size() >= kProcessesMax) prune();
  if (processes_.size() >= kProcessesMax)
    return fail(Code::kLimit, "too many processes are followed");
  processes_[pid] = process;
  return {};
}

void ProcessEvents::prune() {
  std::erase_if(processes_, [](const auto& each) { return each.second.has_ended; });
}

// What it makes is followed from when it is: so it is put in first.
Status ProcessEvents::put_tree(uint32_t pid, uint64_t session) {
  TRY_VOID(put(pid, {.session = session, .is_recorder = true}));
  for (const uint32_t child : os::descendants_of(pid))
    TRY_VOID(put(child, {.session = session, .has_executed = true}));
  return {};
}

Status ProcessEvents::follow(uint32_t pid, uint64_t session) {
  consume();
  const std::lock_guard lock(mutex_);
  lost_.try_emplace(session, 0);
  TRY(const os::Ancestor recorder, os::look_at(pid));
  recorders_[session] = recorder.process;
  const auto found = processes_.find(pid);
  const bool is_known = found != processes_.end() && found->second.session == session &&
                        found->second.is_recorder && !found->second.has_ended;
  return is_known ? Status{} : put_tree(pid, session);
}

void ProcessEvents::forget(uint64_t session) {
  const std::lock_guard lock(mutex_);
  lost_.erase(session);
  recorders_.erase(session);
}

std::optional<ProcessEvents::Followed> ProcessEvents::followed(uint32_t pid) const {
  const std::lock_guard lock(mutex_);
  const auto found = processes_.find(pid);
  if (found == processes_.end() || found->second.has_ended) return std::nullopt;
  return Followed{found->second.session, found->second.is_recorder};
}

void ProcessEvents::forget_terminal(const OnTerminal& terminal) {
  const std::lock_guard lock(mutex_);
  told_.erase({terminal.audit_session, terminal.terminal});
}

uint64_t ProcessEvents::take_lost(uint64_t session) {
  const std::lock_guard lock(mutex_);
  const auto found = lost_.find(session);
  return found == lost_.end() ? 0 : std::exchange(found->second, 0);
}

}  // namespace stele::commands
