// NestedSessions: the agent's sessions, each with the one that it was started in, as far as the
// kernel tells.
#pragma once

#include <mutex>
#include <vector>

#include "agent/session_host.h"

namespace stele::agent {

/// Any thread. What it is given must outlive it.
class NestedSessions : public Sessions {
 public:
  /// Of a process, the ones that it descends from, the nearest first.
  using Ancestors = std::function<std::vector<os::Ancestor>(uint32_t pid)>;
  explicit NestedSessions(Sessions& sessions, Ancestors ancestors = os::ancestors_of)
      : sessions_(sessions), ancestors_(std::move(ancestors)) {}

  /// A session whose recorder descends from that of another is in that one, whatever it claims.
  Result<Opened> open(const Owner& owner, const wire::Terms& terms, uint8_t retention_class,
                      const event::Start& start, Durable durable) override;
  /// Who the nearest of those is of; none: there is no such session, or it was not said.
  std::optional<event::Person> person_around(uint32_t pid);
  /// The session of this recorder is of that person.
  void know(const os::ProcessKey& process, const event::Person& person);

  Result<Known> find(const StreamId& id) override { return sessions_.find(id); }
  Result<Resumed> resume(const StreamId& id, uint64_t durable_min, Durable durable) override;

 private:
  struct Recorder {
    os::ProcessKey process;
    StreamId session{};
    std::optional<event::Person> person;
  };

  std::optional<Recorder> around(uint32_t pid);
  void keep(const os::ProcessKey& process, const StreamId& session);

  Sessions& sessions_;
  const Ancestors ancestors_;
  std::mutex mutex_;                 // guards what follows
  std::vector<Recorder> recorders_;  // that lived when they were looked at last
};

}  // namespace stele::agent
