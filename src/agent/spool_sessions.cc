#include "agent/spool_sessions.h"

#include "agent/pipeline.h"

namespace stele::agent {
namespace {

/// A recorder holds what is not durable, and waits when its window is full: a quarter of that.
constexpr uint64_t kSyncBytes = wire::kWindowBytesMax / 4;

bool is_full(const Status& failed) {
  return failed.error().code == Code::kNoSpace || failed.error().code == Code::kLimit;
}

}  // namespace

/// Says that a connection serves this session, until it goes.
class SpoolSessions::Held {
 public:
  Held(SpoolSessions& all, const StreamId& id) : all_(&all), id_(id) {}
  Held(Held&& other) noexcept : all_(std::exchange(other.all_, nullptr)), id_(other.id_) {}
  Held& operator=(Held&&) = delete;
  ~Held() {
    if (all_ != nullptr) all_->release(id_);
  }

 private:
  SpoolSessions* all_;
  StreamId id_;
};

class SpoolSessions::Session : public SessionSink {
 public:
  Session(SpoolSessions& all, const RememberedSession& session, segment::Sealer sealer,
          Durable durable, Held held)
      : held_(std::move(held)),
        pipeline_(
            {.keep_input = session.terms.lanes.input,
             .sync_bytes = kSyncBytes,
             .own_thread = all.own_threads_},
            [&all, owner = session.owner.uid, room = session.room,
             durable = std::move(durable)]() -> Result<std::unique_ptr<Store>> {
              return std::make_unique<SpoolStore>(all.spool_, owner, room, durable);
            },
            std::move(sealer), all.clock_) {}

  Pipeline& pipeline() { return pipeline_; }

  Status output(BootTime at, ByteSpan bytes) override { return pipeline_.output(at, bytes); }
  Status input(BootTime at, ByteSpan bytes) override { return pipeline_.input(at, bytes); }
  Status event(BootTime at, event::Lane lane, const event::Body& body) override {
    return pipeline_.event(at, lane, body);
  }
  Status note(BootTime at, const event::Body& body) override { return pipeline_.note(at, body); }
  Status stand_for(BootTime at, const std::vector<event::Body>& bodies) override {
    return pipeline_.stand_for(at, bodies);
  }
  void passed_on() override { pipeline_.passed_on(); }
  Status close() override { return pipeline_.close(); }

 private:
  // Last to go: another connection may go on only when this one has sealed what it took.
  const Held held_;
  Pipeline pipeline_;
};

SpoolSessions::SpoolSessions(SharedSpool& spool, SessionMemory& memory, MakeSealer make_sealer,
                             Clock& clock, RandomSource random, bool own_threads)
    : spool_(spool),
      memory_(memory),
      make_sealer_(std::move(make_sealer)),
      clock_(clock),
      random_(std::move(random)),
      own_threads_(own_threads) {}

Result<SpoolSessions::Held> SpoolSessions::hold(const StreamId& id) {
  const std::lock_guard lock(mutex_);
  if (!held_.insert(id).second)
    return fail(Code::kBusy, "the session's former connection is not over yet");
  return Held(*this, id);
}

void SpoolSessions::release(const StreamId& id) {
  const std::lock_guard lock(mutex_);
  held_.erase(id);
}

void SpoolSessions::came_back(const StreamId& id) {
  const std::lock_guard lock(mutex_);
  unwelcomed_.erase(id);
  alone_since_.erase(id);
}

size_t SpoolSessions::count() const {
  const std::lock_guard lock(mutex_);
  return held_.size();
}

/// The one that this same process asked for in just these words.
std::optional<StreamId> SpoolSessions::take_unwelcomed(const Owner& owner,
                                                       const event::Start& start) {
  const std::lock_guard lock(mutex_);
  for (const StreamId& id : unwelcomed_) {
    auto session = memory_.recall(id);
    if (!session || session->owner != owner || held_.contains(id)) continue;
    // The agent's own words, which may be others now.
    session->start.commands = start.commands;
    session->start.forwards = start.forwards;
    session->start.parent_session = start.parent_session;
    session->start.known = start.known;
    if (session->start != start) continue;
    return session->id;
  }
  return std::nullopt;
}

Result<Sessions::Opened> SpoolSessions::open(const Owner& owner, const wire::Terms& terms,
                                             uint8_t retention_class, const event::Start& start,
                                             Durable durable) {
  if (const auto id = take_unwelcomed(owner, start)) {
    TRY(auto session, memory_.recall(*id));
    session.terms = terms;
    TRY_VOID(memory_.remember(session));
    TRY(auto resumed, resume(*id, wire::kOpeningNumber, durable));
    durable(resumed.durable);
    return Opened{*id, std::move(resumed.sink)};
  }
  RememberedSession session{
      .owner = owner, .terms = terms, .retention_class = retention_class, .start = start};
  session.id = session.stream = make_uuid_v7(clock_.wall(), random_);
  if (!terms.break_glass.empty()) session.room = spool::Room::kReserve;
  TRY(Held held, hold(session.id));
  auto sealer = make_sealer_(session.stream, session.retention_class);
  TRY_VOID(memory_.remember(session));
  auto sink = std::make_unique<Session>(*this, session, std::move(sealer), std::move(durable),
                                        std::move(held));
  if (Status opened = sink->pipeline().open(start); !opened) {
    (void)memory_.forget(session.id);  // if it stays, it is one of a dead process soon
    return fail(std::move(opened).error());
  }
  return Opened{session.id, std::move(sink)};
}

Result<Sessions::Known> SpoolSessions::find(const StreamId& id) {
  TRY(auto session, memory_.recall(id));
  TRY_VOID(state_of(session.stream));
  return Known{session.owner, std::move(session.terms), std::move(session.start)};
}

Result<spool::StreamState> SpoolSessions::state_of(const StreamId& stream) {
  const auto state = spool_.with([&](const spool::Spool& spool) { return spool.find(stream); });
  if (!state) return fail(Code::kNotFound, "nothing of the session is durable here");
  return *state;
}

Result<Sessions::Resumed> SpoolSessions::resume(const StreamId& id, uint64_t durable_min,
                                                Durable durable) {
  TRY(Held held, hold(id));
  came_back(id);
  TRY(auto session, memory_.recall(id));
  // The connection before may have ended between an append and its sync.
  TRY_VOID(spool_.sync());
  TRY(const auto state, state_of(session.stream));
  if (state.taken < durable_min) {
    return fail(Code::kConflict, "messages " + std::to_string(state.taken + 1) + " to " +
                                     std::to_string(durable_min) + " are nowhere");
  }
  if (state.set_aside)
    return continue_elsewhere(std::move(session), state, std::move(durable), std::move(held));
  if (state.tail.closed) return Resumed{state.taken, nullptr};
  return go_on(session, state, std::move(durable), std::move(held));
}

Result<Sessions::Resumed> SpoolSessions::go_on(const RememberedSession& session,
                                               const spool::StreamState& state, Durable durable,
                                               Held held) {
  auto sealer = make_sealer_(session.stream, session.retention_class);
  sealer.resume(state.tail.next_sequence, state.tail.last_hash);
  auto sink = std::make_unique<Session>(*this, session, std::move(sealer), std::move(durable),
                                        std::move(held));
  TRY_VOID(sink->pipeline().resume(state.taken));
  return Resumed{state.taken, std::move(sink)};
}

// The server refused a segment for good; it and those after it are kept aside on this host. The
// session goes on in a stream of its own that names where the two agree, and says what it lacks.
Result<Sessions::Resumed> SpoolSessions::continue_elsewhere(RememberedSession session,
                                                            const spool::StreamState& state,
                                                            Durable durable, Held held) {
  const StreamId refused = std::exchange(session.stream, make_uuid_v7(clock_.wall(), random_));
  auto sealer = make_sealer_(session.stream, session.retention_class);
  // Where not even its first segment was taken, there is nothing that they agree on.
  if (state.tail.next_sequence > 0)
    sealer.carry(
        {.continues = segment::Standing{refused, state.tail.next_sequence, state.tail.last_hash}});
  auto sink = std::make_unique<Session>(*this, session, std::move(sealer), std::move(durable),
                                        std::move(held));
  const uint64_t taken = std::max(state.taken, wire::kOpeningNumber);
  TRY_VOID(sink->pipeline().open(session.start, taken));
  const event::Gap gap{"the server refused stream " + to_string(refused) + " from segment " +
                           std::to_string(state.tail.next_sequence) +
                           " on: this host keeps those aside",
                       0, 0, Micros(0)};
  TRY_VOID(sink->pipeline().note(clock_.boot(), gap));
  TRY_VOID(memory_.remember(session));
  spool_.with([&](spool::Spool& spool) { spool.forget(refused); });
  return Resumed{taken, std::move(sink)};
}

Status SpoolSessions::begin() {
  TRY_VOID(memory_.prepare());
  TRY(const auto ids, memory_.all());
  std::set<StreamId> live;
  for (const StreamId& id : ids) {
    const auto session = memory_.recall(id);
    if (!session) continue;
    live.insert(session->stream);
    const auto state = state_of(session->stream);
    // Without an owner, nobody can tell one program that asks in the same words from another.
    if (session->owner.has_process() && state && state->taken == wire::kOpeningNumber &&
        !state->tail.closed)
      unwelcomed_.insert(id);
  }
  const auto streams = spool_.with([](const spool::Spool& spool) { return spool.streams(); });
  for (const spool::StreamState& state : streams) {
    if (live.contains(state.stream) || state.kind == segment::Kind::kHost) continue;
    orphans_.insert(state.stream);
  }
  return end_the_dead();
}

Status SpoolSessions::end_stream(const spool::StreamState& state, spool::Room room,
                                 const std::string& why) {
  if (state.tail.closed) return {};
  if (state.set_aside || state.tail.next_sequence == 0) {
    spool_.with([&](spool::Spool& spool) { spool.forget(state.stream); });
    return {};
  }
  auto sealer = make_sealer_(state.stream, state.retention_class);
  sealer.resume(state.tail.next_sequence, state.tail.last_hash);
  Pipeline pipeline(
      {.own_thread = own_threads_},
      [&]() -> Result<std::unique_ptr<Store>> {
        return std::make_unique<SpoolStore>(spool_, state.owner, room, [](uint64_t) {});
      },
      std::move(sealer), clock_);
  TRY_VOID(pipeline.resume(state.taken));
  event::End end;
  end.why = why;
  TRY_VOID(pipeline.event(clock_.boot(), event::Lane::kFacts, end));
  return pipeline.close();
}

/// Whoever it is that served it: a recorder that lives, or a client that may connect once more.
bool SpoolSessions::may_come_back(const RememberedSession& session) {
  if (session.owner.has_process()) return os::is_alive(session.owner.process);
  const auto state = state_of(session.stream);
  if (!state || state->tail.closed) return false;
  const BootTime now = clock_.boot();
  const std::lock_guard lock(mutex_);
  return now - alone_since_.try_emplace(session.id, now).first->second < patience_;
}

Status SpoolSessions::end_dead(const RememberedSession& session) {
  TRY_VOID(spool_.sync());
  const auto state = state_of(session.stream);
  if (!state) return {};
  return end_stream(*state, session.room,
                    session.owner.has_process()
                        ? "cut: its recorder died"
                        : "cut: its client went away, and did not come back");
}

Status SpoolSessions::end_orphans() {
  for (auto at = orphans_.begin(); at != orphans_.end();) {
    const auto state = state_of(*at);
    // Sessions of this boot are not to wait for room because of those before.
    const Status ended =
        state ? end_stream(*state, spool::Room::kReserve, "cut: the host restarted") : Status();
    if (!ended && !is_full(ended)) return ended;
    at = ended ? orphans_.erase(at) : std::next(at);
  }
  return {};
}

Status SpoolSessions::end_the_dead() {
  TRY_VOID(end_orphans());
  TRY(const auto ids, memory_.all());
  for (const StreamId& id : ids) {
    const auto held = hold(id);
    if (!held) continue;
    const auto session = memory_.recall(id);
    if (session && may_come_back(*session)) continue;
    if (session) {
      const Status ended = end_dead(*session);
      if (!ended && is_full(ended)) continue;
      if (!ended) return ended;
    }
    TRY_VOID(memory_.forget(id));
    came_back(id);
  }
  return {};
}

}  // namespace stele::agent
