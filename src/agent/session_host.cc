#include "agent/session_host.h"

#include <algorithm>
#include <array>

#include "identity/start.h"
#include "os/pty.h"

namespace stele::agent {
namespace {

using wire::SessionRefusal;

/// A recorder with much to say must not keep the agent from sending what is `taken`.
constexpr int kPacketsInARow = 64;

std::vector<std::string> environment_of(const wire::Hello& hello) {
  std::vector<std::string> environment = {"TERM=" + hello.terminal};
  if (hello.parent) environment.push_back("STELE_SESSION=" + to_string(*hello.parent));
  return environment;
}

event::Start start_of(const os::Peer& peer, const wire::Hello& hello, const wire::Terms& terms) {
  const identity::Told told{.title = hello.title,
                            .argv = hello.argv,
                            .environment = environment_of(hello),
                            .input_policy = terms.input_policy,
                            .recorder = hello.recorder};
  return identity::gather_start_of(peer, told, {hello.cwd, hello.size});
}

bool is_kept(event::Lane lane, const wire::Lanes& lanes) {
  switch (lane) {
    case event::Lane::kFacts:
      return true;
    case event::Lane::kOutput:
      return lanes.output;
    case event::Lane::kInput:
      return lanes.input;
  }
  return false;
}

SessionRefusal refusal_of(const Error& error) {
  switch (error.code) {
    case Code::kBusy:
      return SessionRefusal::kNotNow;
    case Code::kNotFound:
      return SessionRefusal::kUnknownSession;
    case Code::kConflict:
      return SessionRefusal::kHole;
    default:
      return SessionRefusal::kFailed;
  }
}

/// Of a session that runs: what was not taken, the recorder still has. It may come again when there
/// is room, or when what was refused stands aside.
SessionRefusal refusal_later(const Error& error) {
  switch (error.code) {
    case Code::kNoSpace:
    case Code::kLimit:
    case Code::kConflict:
      return SessionRefusal::kNotNow;
    default:
      return SessionRefusal::kFailed;
  }
}

}  // namespace

Result<wire::Terms> decide(const Policy& policy, const os::Peer& peer, const wire::Hello& hello) {
  if (!policy.refusal.empty()) return fail(Code::kPermission, policy.refusal);
  if (policy.recorder_group && peer.egid != *policy.recorder_group) {
    return fail(Code::kPermission, "only the recorder may record: this program is not it");
  }
  wire::Terms terms = policy.terms;
  // all < redact < none: the smaller keeps more.
  terms.input_policy = std::min(terms.input_policy, hello.input_policy);
  terms.lanes.input = terms.input_policy != event::InputPolicy::kNone;
  return terms;
}

Result<std::unique_ptr<SessionHost>> SessionHost::make(os::Peer peer, Policy policy,
                                                       Sessions& sessions, Clock& clock) {
  TRY(os::Wake wake, os::Wake::make());
  return std::unique_ptr<SessionHost>(
      new SessionHost(std::move(peer), std::move(policy), sessions, clock, std::move(wake)));
}

Durable SessionHost::durable() {
  return [this](uint64_t n) {
    uint64_t before = durable_.load();
    while (before < n && !durable_.compare_exchange_weak(before, n)) {
    }
    if (before < n) wake_.wake();
  };
}

Status SessionHost::refuse(SessionRefusal code, Error error) {
  stage_ = Stage::kRefused;
  reply_ = wire::encode(wire::SessionRefused{code, error.message()});
  return fail(std::move(error));
}

Status SessionHost::welcome(const StreamId& id, uint64_t next) {
  stage_ = sink_ ? Stage::kRunning : Stage::kClosed;
  next_ = next;
  reply_ = wire::encode(wire::Welcome{id, next, terms_});
  return {};
}

Status SessionHost::receive(ByteSpan packet) {
  if (stage_ == Stage::kRefused) return fail(Code::kCorrupt, "a message after the refusal");
  auto message = wire::parse_from_recorder(packet);
  if (!message) {
    const bool version = message.error().code == Code::kUnsupported;
    return refuse(version ? SessionRefusal::kVersion : SessionRefusal::kMalformed,
                  std::move(message).error());
  }
  return std::visit([this](const auto& each) { return take(each); }, *message);
}

Status SessionHost::take(const wire::Hello& hello) {
  if (stage_ != Stage::kSilent)
    return refuse(SessionRefusal::kMalformed, {Code::kCorrupt, "a second hello"});
  auto terms = decide(policy_, peer_, hello);
  if (!terms) return refuse(SessionRefusal::kPolicy, std::move(terms).error());
  terms_ = *std::move(terms);
  auto opened = sessions_.open(owner(), terms_, start_of(peer_, hello, terms_), durable());
  if (!opened) {
    const bool busy = opened.error().code == Code::kBusy;
    return refuse(busy ? SessionRefusal::kNotNow : SessionRefusal::kFailed,
                  std::move(opened).error());
  }
  sink_ = std::move(opened->sink);
  return welcome(opened->id, wire::kOpeningNumber + 1);
}

Status SessionHost::take(const wire::Resume& resume) {
  if (stage_ != Stage::kSilent)
    return refuse(SessionRefusal::kMalformed, {Code::kCorrupt, "a resume within a session"});
  auto known = sessions_.find(resume.session);
  if (!known) {
    const SessionRefusal code = refusal_of(known.error());
    return refuse(code, std::move(known).error());
  }
  if (known->owner != owner()) {
    return refuse(SessionRefusal::kNotYours,
                  {Code::kPermission, "this session belongs to another process"});
  }
  terms_ = std::move(known->terms);
  auto resumed = sessions_.resume(resume.session, resume.first - 1, durable());
  if (!resumed) {
    const SessionRefusal code = refusal_of(resumed.error());
    return refuse(code, std::move(resumed).error());
  }
  sink_ = std::move(resumed->sink);
  durable()(resumed->durable);
  told_ = resumed->durable;  // the welcome says it
  return welcome(resume.session, resumed->durable + 1);
}

Status SessionHost::take(const wire::Said& said) {
  if (stage_ != Stage::kRunning)
    return refuse(SessionRefusal::kMalformed, {Code::kCorrupt, "an event outside a session"});
  if (said.number != next_) {
    return refuse(SessionRefusal::kHole,
                  {Code::kConflict, "message " + std::to_string(said.number) + " where " +
                                        std::to_string(next_) + " was to come"});
  }
  if (!is_kept(said.event.lane, terms_.lanes)) {
    return refuse(SessionRefusal::kPolicy, {Code::kPermission, "an event of a lane not recorded"});
  }
  if (said.event.at > clock_.boot()) {
    return refuse(SessionRefusal::kMalformed, {Code::kCorrupt, "an event that is yet to happen"});
  }
  if (Status taken = dispatch(said.event); !taken) {
    const SessionRefusal code = refusal_later(taken.error());
    return refuse(code, std::move(taken).error());
  }
  sink_->passed_on();
  ++next_;
  if (std::holds_alternative<event::End>(said.event.body)) stage_ = Stage::kEnded;
  return {};
}

Status SessionHost::dispatch(const event::Event& event) {
  if (const auto* output = std::get_if<event::Output>(&event.body))
    return sink_->output(event.at, output->bytes);
  if (const auto* input = std::get_if<event::Input>(&event.body))
    return sink_->input(event.at, input->bytes);
  return sink_->event(event.at, event.lane, event.body);
}

/// A `bye` without an end before it: the recorder gave up (its terminal could not be had, say).
Status SessionHost::take(const wire::Bye& bye) {
  const bool runs = stage_ == Stage::kRunning || stage_ == Stage::kEnded;
  if ((!runs && stage_ != Stage::kClosed) || bye.last + 1 != next_) {
    return refuse(SessionRefusal::kHole, {Code::kConflict, "a bye that is not the last message"});
  }
  if (!runs) return {};
  if (Status closed = sink_->close(); !closed) {
    const SessionRefusal code = refusal_later(closed.error());
    return refuse(code, std::move(closed).error());
  }
  stage_ = Stage::kClosed;
  return {};
}

std::optional<Bytes> SessionHost::next_reply() {
  if (reply_) return std::exchange(reply_, std::nullopt);
  if (stage_ == Stage::kSilent || stage_ == Stage::kRefused) return std::nullopt;
  const uint64_t durable = std::min(durable_.load(), next_ - 1);
  if (durable <= told_) return std::nullopt;
  told_ = durable;
  return wire::encode(wire::Taken{told_});
}

Status SessionHost::receive_all(os::PacketSocket& socket, Bytes& room) {
  for (int i = 0; i < kPacketsInARow; ++i) {
    TRY(const os::Received got, socket.receive(room));
    if (got.is_blocked) return {};
    if (got.is_closed) return fail(Code::kNotFound, "the recorder is gone");
    TRY_VOID(receive(ByteSpan(room).first(got.bytes)));
  }
  return {};
}

Status SessionHost::send_replies(os::PacketSocket& socket) {
  for (;;) {
    if (!unsent_) unsent_ = next_reply();
    if (!unsent_) return {};
    TRY(const bool sent, socket.send(*unsent_));
    if (!sent) return {};
    unsent_.reset();
  }
}

Status SessionHost::serve(os::PacketSocket socket, const os::Wake& stop) {
  Bytes room(wire::kPacketBytesMax);
  const BootTime hello_due = clock_.boot() + kHelloMax;
  for (;;) {
    std::array<os::Readiness, 3> set = {{
        {.fd = socket.get(), .want_read = true, .want_write = unsent_.has_value()},
        {.fd = wake_.fd(), .want_read = true},
        {.fd = stop.fd(), .want_read = true},
    }};
    std::optional<Micros> patience;
    if (stage_ == Stage::kSilent) patience = std::max(Micros(0), hello_due - clock_.boot());
    os::wait_until_ready(set, patience);
    if (set[2].can_read) return {};
    if (set[1].can_read) wake_.clear();
    const Status received = set[0].can_read ? receive_all(socket, room) : Status{};
    const Status sent = send_replies(socket);
    if (!received) {
      const bool gone = received.error().code == Code::kNotFound && stage_ != Stage::kRefused;
      return gone && is_closed() ? Status{} : received;
    }
    TRY_VOID(sent);
    if (stage_ == Stage::kSilent && clock_.boot() >= hello_due)
      return fail(Code::kCorrupt, "a connection without a hello");
  }
}

}  // namespace stele::agent
