// SpoolSessions: the agent's sessions, each sealed by a pipeline of its own into the one spool.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "agent/session_host.h"
#include "agent/session_memory.h"
#include "agent/spool_store.h"
#include "segment/sealer.h"

namespace stele::agent {

/// A sealer for a stream, by what the host signs with and whom it seals for.
using MakeSealer = std::function<segment::Sealer(const StreamId& stream, uint8_t retention_class)>;

/// Any thread. What it is given must outlive it, and it outlives the sinks it gave.
class SpoolSessions : public Sessions {
 public:
  /// `own_threads`: of the sealers; else see PipelineOptions.
  SpoolSessions(SharedSpool& spool, SessionMemory& memory, MakeSealer make_sealer, Clock& clock,
                RandomSource random, bool own_threads = true);

  /// A recorder whose agent died as the opening became durable says hello again: it is the same
  /// session then.
  Result<Opened> open(const Owner& owner, const wire::Terms& terms, uint8_t retention_class,
                      const event::Start& start, Durable durable) override;
  Result<Known> find(const StreamId& id) override;
  Result<Resumed> resume(const StreamId& id, uint64_t durable_min, Durable durable) override;

  /// Once, before anything else but the host's own stream: sessions that the spool has without an
  /// end, and that are none of this boot, are ended.
  Status begin();
  /// Ends those, and the sessions whose recorder is dead and that no connection serves: nobody else
  /// will. Where the spool has no room, later. To be called now and then.
  Status end_the_dead();
  /// A session without an owner has no process that could be dead: it is ended when nobody has come
  /// back to it for so long, as end_the_dead() finds it. Before begin().
  void spare_ownerless(Micros patience) { patience_ = patience; }
  /// Sessions that a connection serves.
  size_t count() const;

 private:
  class Session;
  class Held;

  std::optional<StreamId> take_unwelcomed(const Owner& owner, const event::Start& start);
  Result<Resumed> go_on(const RememberedSession& session, const spool::StreamState& state,
                        Durable durable, Held held);
  Result<Resumed> continue_elsewhere(RememberedSession session, const spool::StreamState& state,
                                     Durable durable, Held held);
  Result<spool::StreamState> state_of(const StreamId& stream);
  bool may_come_back(const RememberedSession& session);
  Status end_dead(const RememberedSession& session);
  Status end_orphans();
  Status end_stream(const spool::StreamState& state, spool::Room room, const std::string& why);
  Result<Held> hold(const StreamId& id);
  void release(const StreamId& id);
  void came_back(const StreamId& id);

  SharedSpool& spool_;
  SessionMemory& memory_;
  const MakeSealer make_sealer_;
  Clock& clock_;
  const RandomSource random_;
  const bool own_threads_;
  mutable std::mutex mutex_;  // guards the next three
  std::set<StreamId> held_;   // what a connection serves
  /// Of which nothing but the opening was durable when this agent began: their recorders may never
  /// have heard of them.
  std::set<StreamId> unwelcomed_;
  std::map<StreamId, BootTime> alone_since_;  // without an owner, and not served
  std::set<StreamId> orphans_;                // of an earlier boot, without an end; one thread's
  Micros patience_{0};
};

}  // namespace stele::agent
