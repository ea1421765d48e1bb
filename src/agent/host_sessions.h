// HostSessions: the agent's sessions, each with its number in the host's own stream
// (docs/formats/host-stream.md, "A session's number").
#pragma once

#include "agent/host_stream.h"
#include "agent/session_host.h"

namespace stele::agent {

/// Any thread. What it is given must outlive it.
class HostSessions : public Sessions {
 public:
  HostSessions(Sessions& sessions, HostStream& host) : sessions_(sessions), host_(host) {}

  /// A session that can not be numbered is not begun; but by break-glass it is, on a full disk that
  /// has room for its record and not for its number.
  Result<Opened> open(const Owner& owner, const wire::Terms& terms, uint8_t retention_class,
                      const event::Start& start, Durable durable) override {
    TRY(Opened opened, sessions_.open(owner, terms, retention_class, start, std::move(durable)));
    const auto number = host_.number_session(opened.id);
    const bool may_go_without =
        !number && number.error().code == Code::kNoSpace && !terms.break_glass.empty();
    if (!number && !may_go_without) return fail(number.error());
    return opened;
  }
  Result<Known> find(const StreamId& id) override { return sessions_.find(id); }
  Result<Resumed> resume(const StreamId& id, uint64_t durable_min, Durable durable) override {
    return sessions_.resume(id, durable_min, std::move(durable));
  }

 private:
  Sessions& sessions_;
  HostStream& host_;
};

}  // namespace stele::agent
