#include "agent/nested_sessions.h"

namespace stele::agent {

Result<Sessions::Opened> NestedSessions::open(const Owner& owner, const wire::Terms& terms,
                                              uint8_t retention_class, const event::Start& start,
                                              Durable durable) {
  event::Start with = start;
  if (const auto parent = around(owner.process.pid)) {
    with.parent_session = to_string(parent->session);
    with.known["parent"] = event::Known::kKernel;
  }
  TRY(Opened opened, sessions_.open(owner, terms, retention_class, with, std::move(durable)));
  keep(owner.process, opened.id);
  return opened;
}

Result<Sessions::Resumed> NestedSessions::resume(const StreamId& id, uint64_t durable_min,
                                                 Durable durable) {
  TRY(const Known known, sessions_.find(id));
  TRY(Resumed resumed, sessions_.resume(id, durable_min, std::move(durable)));
  keep(known.owner.process, id);
  return resumed;
}

std::optional<NestedSessions::Recorder> NestedSessions::around(uint32_t pid) {
  const auto ancestors = ancestors_(pid);
  const std::lock_guard lock(mutex_);
  for (const os::Ancestor& each : ancestors)
    for (const Recorder& recorder : recorders_)
      if (recorder.process == each.process) return recorder;
  return std::nullopt;
}

void NestedSessions::keep(const os::ProcessKey& process, const StreamId& session) {
  const std::lock_guard lock(mutex_);
  std::erase_if(recorders_, [&](const Recorder& recorder) {
    return recorder.process == process || !os::is_alive(recorder.process);
  });
  recorders_.push_back({process, session, std::nullopt});
}

std::optional<event::Person> NestedSessions::person_around(uint32_t pid) {
  const auto found = around(pid);
  return found ? found->person : std::nullopt;
}

void NestedSessions::know(const os::ProcessKey& process, const event::Person& person) {
  const std::lock_guard lock(mutex_);
  for (Recorder& recorder : recorders_)
    if (recorder.process == process) recorder.person = person;
}

}  // namespace stele::agent
