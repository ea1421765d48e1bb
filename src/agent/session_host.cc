#include "agent/session_host.h"

#include <algorithm>
#include <array>
#include <cerrno>

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

std::optional<identity::PamWord> word_of(const os::Peer& peer, const Policy& policy) {
  auto arrived = policy.arrivals == nullptr ? std::nullopt : policy.arrivals->of(peer);
  if (!arrived) return std::nullopt;
  return identity::PamWord{arrived->service, arrived->remote_host, arrived->connection,
                           arrived->proof};
}

event::Start start_of(const os::Peer& peer, const wire::Hello& hello, const wire::Terms& terms,
                      const Policy& policy, WallTime now) {
  const identity::Told told{
      .title = hello.title,
      .argv = hello.argv,
      .environment = environment_of(hello),
      .input_policy = terms.input_policy,
      .recorder = hello.recorder,
      .claims = {hello.connection, hello.invoker, hello.proof, hello.forwarded_agent},
      .word = word_of(peer, policy),
      .trust = {policy.people->authorities, now}};
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

/// A person's words as one line that does nothing to a terminal or a journal.
std::string one_line(std::string_view text) {
  std::string line(text);
  for (size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<uint8_t>(line[i]);
    if (byte < 0x20 || byte == 0x7f) line[i] = ' ';
    const bool is_c1 =
        byte == 0xc2 && i + 1 < line.size() && static_cast<uint8_t>(line[i + 1]) < 0xa0;
    if (is_c1) line[i] = line[i + 1] = ' ';
  }
  return line;
}

std::unique_ptr<transfer::Follower> follower_of(wire::Program program) {
  switch (program) {
    case wire::Program::kSftpServer:
      return transfer::follow_sftp();
    case wire::Program::kScpTo:
      return transfer::follow_scp(true);
    case wire::Program::kScpFrom:
      return transfer::follow_scp(false);
    case wire::Program::kAny:
      break;
  }
  return nullptr;
}

std::string rule_text(const policy::Terms& terms) {
  return terms.rule == 0 ? "no rule"
                         : "rule " + std::to_string(terms.rule) + " (" + terms.rule_name + ")";
}

event::Finding finding(const char* rule, const std::string& what) { return {rule, what, {}, {}}; }

}  // namespace

Result<wire::Terms> decide(const Policy& policy, const os::Peer& peer, const wire::Hello& hello) {
  if (!policy.refusal.empty()) return fail(Code::kPermission, policy.refusal);
  // Root may take any group, and sudo, which records by itself, is root's.
  if (policy.recorder_group && peer.egid != *policy.recorder_group && peer.euid != 0) {
    return fail(Code::kPermission, "only the recorder may record: this program is not it");
  }
  wire::Terms terms;
  terms.input_policy = policy::tightened(policy.terms, hello.input_policy);
  terms.lanes = {policy.terms.keeps_output, terms.input_policy != event::InputPolicy::kNone};
  terms.lines_in_facts = policy.terms.lines_in_facts;
  terms.digests = !policy.terms.transfers_whole && hello.program != wire::Program::kAny &&
                  terms.lanes.output && terms.lanes.input;
  terms.open = policy.terms.open;
  terms.patience_ms = policy.terms.patience_seconds * 1000;
  terms.banner = policy.terms.banner;
  terms.rule = policy.terms.rule;
  terms.rule_name = policy.terms.rule_name;
  terms.policy_version = policy.version;
  terms.policy_hash = policy.hash;
  if (hello.break_glass.empty()) return terms;
  if (!policy.terms.allows_break_glass) {
    return fail(Code::kPermission, "break-glass is not for this session: " +
                                       rule_text(policy.terms) + " does not allow it");
  }
  terms.break_glass = one_line(hello.break_glass);
  terms.open = true;
  terms.patience_ms = std::min(terms.patience_ms, kBreakGlassPatienceMs);
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
  awaited_.reset();
  reply_ = wire::encode(wire::SessionRefused{code, error.message()});
  return fail(std::move(error));
}

void SessionHost::tell(Notice::What what, const std::string& how) const {
  policy_.tell({what, "uid " + std::to_string(peer_.uid) + ", pid " +
                          std::to_string(peer_.process.pid) + ": " + how});
}

/// Nothing of the session is kept, and its connection has nothing more to say.
Status SessionHost::leave_out(Notice::What what, const std::string& why) {
  tell(what, "not recorded: " + why);
  stage_ = Stage::kClosed;
  reply_ = wire::encode(wire::Unrecorded{policy_.terms.banner});
  return {};
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
  if (!policy_.terms.is_recorded) {
    (void)word_of(peer_, policy_);  // its login is no secret one
    return leave_out(Notice::What::kLeftOut, rule_text(policy_.terms));
  }
  terms_ = *std::move(terms);
  const BootTime asked = clock_.boot();
  if (!terms_.break_glass.empty()) {
    tell(Notice::What::kBreakGlass,
         "break-glass by " + rule_text(policy_.terms) + ": " + terms_.break_glass);
  }
  const event::Start start = start_of(peer_, hello, terms_, policy_, clock_.wall());
  person_ = person_of(start);
  auto opened = sessions_.open(owner(), terms_, policy::retention_class(policy_.terms, hello.title),
                               start, durable());
  // The reserve is full as well: whoever may break the glass mends it without a record.
  if (!opened && opened.error().code == Code::kNoSpace && !terms_.break_glass.empty())
    return leave_out(Notice::What::kBreakGlassLeftOut,
                     terms_.break_glass + "; " + opened.error().message());
  if (!opened) {
    const bool busy = opened.error().code == Code::kBusy;
    return refuse(busy ? SessionRefusal::kNotNow : SessionRefusal::kFailed,
                  std::move(opened).error());
  }
  if (person_) policy_.know(peer_.process, *person_);
  if (terms_.digests) follower_ = follower_of(hello.program);
  sink_ = std::move(opened->sink);
  await_opening(opened->id, asked, opening_wait());
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
  if (terms_.digests) {
    lost_.emplace();
    lost_->what = event::Transfer::What::kLost;
    lost_->why = "its agent went on anew: what passes is kept as it is, digests end here";
  }
  durable()(resumed->durable);
  told_ = resumed->durable;  // the welcome says it
  auto person = person_of(known->start);
  if (person) policy_.know(peer_.process, *person);
  if (resumed->durable == wire::kOpeningNumber) {
    person_ = std::move(person);
    // Whether it was let begin, nobody knows: nothing that its recorder said since is durable.
    await_opening(resume.session, clock_.boot(), std::min(opening_wait(), kResumedOpeningMax));
    holds_welcome_ = awaited_.has_value();
  }
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
  const bool is_line = std::holds_alternative<event::Line>(said.event.body);
  if (!is_kept(said.event.lane, terms_.lanes) ||
      (is_line && terms_.lines_in_facts != (said.event.lane == event::Lane::kFacts))) {
    return refuse(SessionRefusal::kPolicy, {Code::kPermission, "an event of a lane not recorded"});
  }
  const auto* facts = std::get_if<event::Terms>(&said.event.body);
  if (facts != nullptr &&
      (said.number != wire::kOpeningNumber + 1 || *facts != wire::facts_of(terms_))) {
    return refuse(SessionRefusal::kMalformed, {Code::kCorrupt, "terms that are not its own"});
  }
  if (std::holds_alternative<event::Sudo>(said.event.body) && peer_.euid != 0) {
    return refuse(SessionRefusal::kPolicy, {Code::kPermission, "sudo's words, and not from root"});
  }
  if (said.event.at > clock_.boot()) {
    return refuse(SessionRefusal::kMalformed, {Code::kCorrupt, "an event that is yet to happen"});
  }
  if (Status taken = dispatch(said.event); !taken) {
    const SessionRefusal code = refusal_later(taken.error());
    return refuse(code, std::move(taken).error());
  }
  if (facts != nullptr && !terms_.break_glass.empty())
    TRY_VOID(sink_->note(clock_.boot(), finding("break-glass", terms_.break_glass)));
  TRY_VOID(tell_person());
  TRY_VOID(tell_opening());
  TRY_VOID(tell_lost());
  sink_->passed_on();
  TRY_VOID(charge(said.event));
  ++next_;
  if (std::holds_alternative<event::End>(said.event.body)) stage_ = Stage::kEnded;
  return {};
}

/// Whom nothing else tells is who the session around this one is of.
std::optional<event::Person> SessionHost::person_of(const event::Start& start) const {
  if (!policy_.people->roles) return std::nullopt;
  event::Person person = who_is(*policy_.people->roles, start);
  if (!person.name.empty()) return person;
  auto around = policy_.person_around(peer_.process.pid);
  if (!around || around->name.empty()) return person;
  around->through = "parent";
  return around;
}

/// After the terms; a person whom nobody knows behind a shared account is a finding as well.
Status SessionHost::tell_person() {
  if (!person_) return {};
  const event::Person person = *std::exchange(person_, std::nullopt);
  TRY_VOID(sink_->note(clock_.boot(), person));
  if (!person.name.empty()) return {};
  const std::string what =
      "nobody is known behind the shared account of uid " + std::to_string(peer_.uid);
  tell(Notice::What::kShared, what);
  return sink_->note(clock_.boot(), finding("shared-account", what));
}

Micros SessionHost::opening_wait() const {
  return std::chrono::seconds(policy_.terms.opening_wait_seconds);
}

void SessionHost::await_opening(const StreamId& stream, BootTime asked, Micros longest) {
  if (policy_.openings == nullptr) return;
  awaited_.emplace(asked, asked + longest,
                   policy_.openings->wait(stream, [this] { wake_.wake(); }));
}

/// Whether something may be shown: the server has the opening, or it is not waited for any longer.
bool SessionHost::may_begin() {
  if (!awaited_) return true;
  const BootTime now = clock_.boot();
  const bool acknowledged = awaited_->wait->is_acknowledged();
  const bool is_over = now >= awaited_->until;
  if (!acknowledged && !is_over && !awaited_->wait->is_hopeless()) return false;
  const bool has_waited = awaited_->until > awaited_->asked;
  if (!acknowledged && is_over && has_waited) awaited_->wait->was_in_vain();
  opening_ = event::Opening{acknowledged, now - awaited_->asked};
  awaited_.reset();
  return true;
}

/// After the terms, and after who it is.
Status SessionHost::tell_opening() {
  if (!opening_) return {};
  return sink_->note(clock_.boot(), *std::exchange(opening_, std::nullopt));
}

Status SessionHost::tell_lost() {
  if (!lost_) return {};
  return sink_->note(clock_.boot(), *std::exchange(lost_, std::nullopt));
}

Status SessionHost::note_all(const std::vector<event::Body>& bodies) {
  for (const event::Body& each : bodies) TRY_VOID(sink_->note(clock_.boot(), each));
  return {};
}

/// What is missing can not be followed, nor what comes after it.
Status SessionHost::dispatch_followed(const event::Event& event) {
  if (const auto* piped = std::get_if<event::Piped>(&event.body))
    return sink_->stand_for(event.at, follower_->take(piped->pipe, piped->bytes));
  if (std::holds_alternative<event::Gap>(event.body))
    TRY_VOID(note_all(follower_->lose("a part was not recorded")));
  return sink_->event(event.at, event.lane, event.body);
}

/// How much was copied is known to who followed all of it, and to no recorder.
Status SessionHost::dispatch_end(BootTime at, event::End end) {
  if (follower_) TRY_VOID(note_all(follower_->finish()));
  end.copied = follower_ ? follower_->copied() : std::nullopt;
  return sink_->event(at, event::Lane::kFacts, end);
}

Status SessionHost::dispatch(const event::Event& event) {
  if (const auto* end = std::get_if<event::End>(&event.body)) return dispatch_end(event.at, *end);
  if (follower_) return dispatch_followed(event);
  if (const auto* output = std::get_if<event::Output>(&event.body))
    return sink_->output(event.at, output->bytes);
  if (const auto* input = std::get_if<event::Input>(&event.body))
    return sink_->input(event.at, input->bytes);
  return sink_->event(event.at, event.lane, event.body);
}

/// Above a quota the next message is left with the recorder, whose terminal waits then. A line is
/// read off the screen, where a key or two may submit much that was shown once.
Status SessionHost::charge(const event::Event& event) {
  const auto* line = std::get_if<event::Line>(&event.body);
  const size_t content = line ? line->text.size() : event::content_bytes(event.body);
  if (!policy_.meter || content == 0) return {};
  const auto charge = policy_.meter->take(content);
  slowed_until_ = charge.ready;
  if (!charge.finding) return {};
  const std::string what = *charge.finding + ", of " + rule_text(policy_.terms);
  tell(Notice::What::kSlowed, what);
  return sink_->note(clock_.boot(), finding("slowed", what));
}

/// A `bye` without an end before it: the recorder gave up (its terminal could not be had, say).
Status SessionHost::take(const wire::Bye& bye) {
  const bool runs = stage_ == Stage::kRunning || stage_ == Stage::kEnded;
  if ((!runs && stage_ != Stage::kClosed) || bye.last + 1 != next_) {
    return refuse(SessionRefusal::kHole, {Code::kConflict, "a bye that is not the last message"});
  }
  if (!runs) return {};
  awaited_.reset();
  TRY_VOID(tell_opening());
  if (Status closed = sink_->close(); !closed) {
    const SessionRefusal code = refusal_later(closed.error());
    return refuse(code, std::move(closed).error());
  }
  stage_ = Stage::kClosed;
  return {};
}

Status SessionHost::take(const wire::Arrived& arrived) {
  if (stage_ != Stage::kSilent || policy_.arrivals == nullptr)
    return refuse(SessionRefusal::kMalformed, {Code::kCorrupt, "an arrival is not wanted here"});
  return note(policy_.arrivals->come(peer_, arrived));
}

Status SessionHost::take(const wire::Left&) {
  if (stage_ != Stage::kSilent || policy_.arrivals == nullptr)
    return refuse(SessionRefusal::kMalformed, {Code::kCorrupt, "nobody arrived here"});
  return note(policy_.arrivals->leave(peer_));
}

/// Nothing more is to come.
Status SessionHost::note(Status noted) {
  if (!noted) {
    const Code code = noted.error().code;
    return refuse(code == Code::kPermission ? SessionRefusal::kPolicy
                  : code == Code::kBusy     ? SessionRefusal::kNotNow
                                            : SessionRefusal::kFailed,
                  std::move(noted).error());
  }
  stage_ = Stage::kClosed;
  reply_ = wire::encode(wire::Noted{});
  return {};
}

std::optional<Bytes> SessionHost::next_reply() {
  const bool is_held = !may_begin();
  if (reply_ && !(is_held && holds_welcome_)) return std::exchange(reply_, std::nullopt);
  if (stage_ == Stage::kSilent || stage_ == Stage::kRefused || is_held) return std::nullopt;
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
    if (slowed() > Micros(0)) return {};
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
  bool is_deaf = false;  // the recorder is gone; what it said before is still to be taken
  for (;;) {
    const Micros pause = slowed();
    std::array<os::Readiness, 3> set = {{
        {.fd = pause > Micros(0) ? -1 : socket.get(),
         .want_read = true,
         .want_write = unsent_.has_value() && !is_deaf},
        {.fd = wake_.fd(), .want_read = true},
        {.fd = stop.fd(), .want_read = true},
    }};
    std::optional<Micros> patience;
    if (stage_ == Stage::kSilent) patience = std::max(Micros(0), hello_due - clock_.boot());
    if (awaited_) patience = std::max(Micros(0), awaited_->until - clock_.boot());
    if (pause > Micros(0)) patience = pause;
    os::wait_until_ready(set, patience);
    if (set[2].can_read) return {};
    if (set[1].can_read) wake_.clear();
    if (pause > Micros(0)) continue;
    const Status received = set[0].can_read ? receive_all(socket, room) : Status{};
    const Status sent = is_deaf ? Status{} : send_replies(socket);
    if (!received) {
      const bool gone = received.error().code == Code::kNotFound && stage_ != Stage::kRefused;
      return gone && is_closed() ? Status{} : received;
    }
    is_deaf = is_deaf || !sent;
    if (!sent && sent.error().sys_errno != EPIPE && sent.error().sys_errno != ECONNRESET)
      return sent;
    if (stage_ == Stage::kSilent && clock_.boot() >= hello_due)
      return fail(Code::kCorrupt, "a connection without a hello");
  }
}

}  // namespace stele::agent
