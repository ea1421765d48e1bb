// FollowedSessions: the agent's sessions, each with what its processes execute, as the kernel tells
// it (commands/watch.h).
#pragma once

#include <map>
#include <mutex>

#include "agent/session_host.h"
#include "commands/watch.h"

namespace stele::agent {

/// Any thread. What it is given must outlive it, and it all its sinks.
class FollowedSessions : public Sessions {
 public:
  FollowedSessions(Sessions& sessions, Clock& clock) : sessions_(sessions), clock_(clock) {}

  /// An error: nothing is followed, and why (Watch::start).
  Status begin();

  Result<Opened> open(const Owner& owner, const wire::Terms& terms, const event::Start& start,
                      Durable durable) override;
  Result<Known> find(const StreamId& id) override { return sessions_.find(id); }
  Result<Resumed> resume(const StreamId& id, uint64_t durable_min, Durable durable) override;

 private:
  class Sink;

  std::unique_ptr<SessionSink> followed(uint32_t pid, std::unique_ptr<SessionSink> sink);
  void note(const commands::Seen& seen);

  Sessions& sessions_;
  Clock& clock_;
  std::mutex mutex_;                 // guards what follows, and is held while a sink is told
  std::map<uint64_t, Sink*> sinks_;  // by the watch's numbers
  uint64_t last_number_ = 0;
  std::unique_ptr<commands::Watch> watch_;  // the first to go
};

}  // namespace stele::agent
