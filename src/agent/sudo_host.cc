#include "agent/sudo_host.h"

#include <algorithm>
#include <array>

#include "base/hex.h"
#include "base/version.h"
#include "crypto/sha256.h"
#include "os/pty.h"

namespace stele::agent {
namespace {

constexpr size_t kRoomBytes = size_t{64} << 10, kUnsentBytesMax = size_t{256} << 10;
constexpr Micros kPartingMax = std::chrono::seconds(2);
constexpr Micros kLate = std::chrono::minutes(1);
constexpr const char* kFindingRule = "sudo-log";

const char* end_of_decision(sudolog::Decision::Kind kind) {
  return kind == sudolog::Decision::Kind::kReject ? "rejected by sudo" : "sudo reported an error";
}

bool is_ours(const Error& error) {
  return error.code != Code::kCorrupt && error.code != Code::kUnsupported;
}

uint64_t digest_of(ByteSpan message) {
  const Hash hash = crypto::sha256(message);
  return ByteReader(hash).u64();
}

/// A log's id is its session's and a word that only this client was told: others see the session in
/// lists.
std::string log_id(const StreamId& session, const sudolog::Past::Token& token) {
  return to_string(session) + "." + to_hex(token);
}

struct LogId {
  StreamId session;
  sudolog::Past::Token token;
};

Result<LogId> parse_log_id(std::string_view text) {
  const size_t dot = text.find('.');
  TRY(const StreamId session, parse_stream_id(text.substr(0, dot)));
  if (dot == text.npos) return fail(Code::kInvalid, "no log's id");
  TRY(const Bytes token, from_hex(text.substr(dot + 1)));
  LogId log{session, {}};
  if (token.size() != log.token.size()) return fail(Code::kInvalid, "no log's id");
  std::ranges::copy(token, log.token.begin());
  return log;
}

tl::unexpected<Error> no_such_log() {
  return fail(Code::kNotFound, "there is no such log, or it is over");
}

}  // namespace

Result<std::unique_ptr<SudoHost>> SudoHost::make(const SudoWorld& world, SudoClient client) {
  TRY(os::Wake wake, os::Wake::make());
  std::unique_ptr<SudoHost> host(new SudoHost(world, std::move(client), std::move(wake)));
  host->replies_ = sudolog::encode_hello(std::string("stele ") + kVersion, true);
  return host;
}

Status SudoHost::receive(ByteSpan message) {
  Status done = dispatch(message);
  if (done) return done;
  stage_ = Stage::kOver;
  const std::string why = "not recorded: " + done.error().message();
  reply(is_ours(done.error()) ? sudolog::encode_abort(why) : sudolog::encode_error(why));
  return done;
}

Status SudoHost::dispatch(ByteSpan message) {
  if (stage_ == Stage::kOver) return fail(Code::kCorrupt, "a message after the last");
  TRY(const auto parsed, sudolog::parse_client_message(message));
  digest_ = digest_of(message);
  TRY_VOID(std::visit([this](const auto& each) { return take(each); }, parsed));
  return step();
}

Status SudoHost::take(const sudolog::Hello& hello) {
  if (stage_ != Stage::kSilent) return fail(Code::kCorrupt, "a second hello");
  program_ = printable(hello.client);
  stage_ = Stage::kReady;
  return {};
}

Status SudoHost::take(const sudolog::Decision& decision) {
  if (stage_ == Stage::kLeftOut) return {};
  if (stage_ == Stage::kReady) return begin(decision);
  if (stage_ != Stage::kRunning) return fail(Code::kCorrupt, "a decision before the hello");
  return stream_->take(sudolog::facts_of(decision, true), digest_);
}

Status SudoHost::begin(const sudolog::Decision& decision) {
  const auto facts = sudolog::facts_of(decision, false);
  const Submitter who = submitter_of(facts.sudo, client_);
  policy_ = world_.policy_for(who);
  policy_.recorder_group.reset();  // what it is for, the other end's owner has answered
  expects_data_ = decision.expects_data;
  if (policy_.refusal.empty() && !policy_.terms.is_recorded) {
    policy_.tell({Notice::What::kLeftOut, "sudo of " + printable(who.name)});
    stage_ = Stage::kLeftOut;
    if (expects_data_) reply(sudolog::encode_log_id("left out by policy"));
    return {};
  }
  TRY_VOID(open(facts, who));
  TRY_VOID(note_lateness(WallTime(std::chrono::duration_cast<Micros>(decision.at))));
  if (decision.kind == sudolog::Decision::Kind::kAccept) return {};
  event::End over;
  over.why = end_of_decision(decision.kind);
  return end(over);
}

Status SudoHost::open(const sudolog::Facts& facts, const Submitter& who) {
  TRY(const wire::Terms terms, decide(policy_, os::Peer{}, wire::Hello{}));
  const event::Start start = sudo_start(facts, who, client_, program_, terms.input_policy);
  // No process of this host is its owner: see docs/sudo-logsrv.md.
  TRY(auto opened,
      world_.sessions.open(owner(), terms, policy_.terms.retention_class, start, durable()));
  std::unique_ptr<SudoNotes> notes;
  sudolog::Past::Token token{};
  if (expects_data_) {
    world_.random(token);
    TRY(notes, SudoNotes::begin(world_.memory.files(), world_.memory.sudo_notes(opened.id),
                                kept(token), world_.clock.boot()));
  }
  stream_ = std::make_unique<SudoStream>(world_.clock, terms, start.size, std::move(opened.sink),
                                         std::move(notes));
  stage_ = Stage::kRunning;
  const auto person = person_of(start);
  TRY_VOID(stream_->begin(wire::facts_of(terms), person, facts));
  if (person && person->name.empty()) TRY_VOID(note_shared(who));
  if (expects_data_) reply(sudolog::encode_log_id(log_id(opened.id, token)));
  return {};
}

/// The token that is kept of one that a client was told. One that has a certificate is told a word
/// that holds for its name alone.
sudolog::Past::Token SudoHost::kept(const sudolog::Past::Token& told) const {
  if (!client_.is_elsewhere()) return told;
  Bytes words(told.begin(), told.end());
  ByteWriter(words).bytes(as_bytes(client_.name));
  const Hash hash = crypto::sha256(words);
  sudolog::Past::Token token{};
  std::ranges::copy(ByteSpan(hash).first(token.size()), token.begin());
  return token;
}

/// Whoever called sudo is told by sudo alone.
std::optional<event::Person> SudoHost::person_of(const event::Start& start) const {
  if (!policy_.people->roles) return std::nullopt;
  event::Start as_user = start;
  as_user.service.clear();
  event::Person person = who_is(*policy_.people->roles, as_user);
  if (person.by) person.by = event::Known::kEnvironment;
  return person;
}

/// As of a recorder's session: here, and in the host's own stream.
Status SudoHost::note_shared(const Submitter& who) {
  const std::string what =
      "nobody is known behind the shared account of uid " + std::to_string(who.account.uid);
  policy_.tell({Notice::What::kShared, "sudo of " + printable(who.name) + ": " + what});
  return stream_->note(event::Finding{"shared-account", what, {}, {}});
}

Status SudoHost::note_lateness(WallTime told) {
  const Micros late = world_.clock.wall() - told;
  if (late <= kLate && late >= -kLate) return {};
  const std::string what = "sent later: sudo says that it began at " + rfc3339(told) +
                           "; the times in this record are those of its arrival";
  return stream_->note(event::Finding{kFindingRule, what, {}, {}});
}

Durable SudoHost::durable() {
  return [this](uint64_t n) {
    uint64_t before = durable_.load();
    while (before < n && !durable_.compare_exchange_weak(before, n)) {
    }
    if (before < n) wake_.wake();
  };
}

Status SudoHost::take(const sudolog::Restart& restart) {
  if (stage_ != Stage::kReady) return fail(Code::kCorrupt, "a restart within a session");
  const Status gone_on = go_on(restart);
  if (gone_on) return {};
  const bool is_busy = gone_on.error().code == Code::kBusy;
  return fail(Code::kUnsupported,
              "this log is not gone on with: " + gone_on.error().message() +
                  (is_busy ? "; try again" : "; send it whole, as a session of its own"));
}

Status SudoHost::go_on(const sudolog::Restart& restart) {
  const auto log = parse_log_id(restart.log);
  const auto known = log ? world_.sessions.find(log->session) : no_such_log();
  if (!known || known->owner != owner()) return no_such_log();
  const std::string path = world_.memory.sudo_notes(log->session);
  const auto told = SudoNotes::read(world_.memory.files(), path);
  if (!told || !equal(told->token, kept(log->token))) return no_such_log();
  // Before it is held, so that whoever has no right to it disturbs nobody.
  const sudolog::Point* const asked = told->point(restart.resume_point);
  if (asked == nullptr)
    return fail(Code::kNotFound, "its resume point is none that was given, or one too long ago");
  TRY(auto resumed, world_.sessions.resume(log->session, asked->messages, durable()));
  if (!resumed.sink) return no_such_log();
  TRY(auto notes, SudoNotes::open(world_.memory.files(), path));
  const sudolog::Point* const found = notes->past().point(restart.resume_point);
  if (found == nullptr) return no_such_log();  // somebody else went on meanwhile
  const sudolog::Point from = *found;
  TRY_VOID(notes->go_on(from, resumed.durable));
  durable()(resumed.durable);
  const event::Start& start = known->start;
  policy_ =
      world_.policy_for({start.user, {start.uid, start.gid, start.groups}, client_.is_elsewhere()});
  expects_data_ = true;
  stream_ = std::make_unique<SudoStream>(world_.clock, known->terms, from, resumed.durable,
                                         std::move(resumed.sink), std::move(notes));
  stage_ = Stage::kRunning;
  return stream_->note(
      event::Finding{kFindingRule, "cut off, and gone on with by its client", {}, {}});
}

Status SudoHost::take(const sudolog::Data& data) {
  TRY_VOID(take<sudolog::Data>(data));
  return stage_ == Stage::kRunning ? charge(data.bytes.size() + stream_->take_line_bytes())
                                   : Status();
}

template <typename Record>
Status SudoHost::take(const Record& record) {
  if (stage_ == Stage::kLeftOut) {
    left_out_.take(record.delay);
    return {};
  }
  if (stage_ != Stage::kRunning || !expects_data_)
    return fail(Code::kCorrupt, "a record outside a session");
  return stream_->take(record, digest_);
}

/// Above a quota the next message is left with the client, whose command waits then.
Status SudoHost::charge(size_t bytes) {
  if (!policy_.meter || bytes == 0) return {};
  const auto charge = policy_.meter->take(bytes);
  slowed_until_ = charge.ready;
  if (!charge.finding) return {};
  policy_.tell({Notice::What::kSlowed, *charge.finding});
  return stream_->note(event::Finding{"slowed", *charge.finding, {}, {}});
}

Status SudoHost::take(const sudolog::Exit& exit) {
  if (stage_ == Stage::kLeftOut) {
    stage_ = Stage::kOver;
    if (expects_data_) reply(sudolog::encode_commit_point(left_out_.elapsed()));
    return {};
  }
  if (stage_ != Stage::kRunning) return fail(Code::kCorrupt, "an exit outside a session");
  TRY(event::End over, sudolog::end_of(exit));
  return end(std::move(over));
}

Status SudoHost::end(event::End over) {
  TRY_VOID(stream_->end(std::move(over)));
  stage_ = Stage::kOver;
  if (expects_data_) reply(sudolog::encode_commit_point(stream_->elapsed()));
  stream_.reset();
  return {};
}

Status SudoHost::step() {
  if (stage_ != Stage::kRunning) return {};
  TRY_VOID(stream_->step());
  TRY(const auto point, stream_->commit(durable_.load()));
  if (point) reply(sudolog::encode_commit_point(*point));
  return {};
}

/// Behind what was not sent yet.
void SudoHost::reply(const Bytes& message) {
  replies_.insert(replies_.end(), message.begin(), message.end());
}

/// The client went away. Where it was to say no more, that is no cut.
Status SudoHost::gone() {
  if (stage_ == Stage::kOver || stage_ == Stage::kReady) return {};
  if (stage_ == Stage::kRunning && !expects_data_) {
    event::End over;
    over.why = "sudo was not asked to say more";
    return end(over);
  }
  return fail(Code::kNotFound, "the client is gone");
}

Status SudoHost::receive_all(os::Stream& stream, sudolog::Frames& frames, Bytes& room) {
  TRY(const os::Received got, stream.receive(room));
  if (got.is_closed) {
    TRY_VOID(gone());
    stage_ = Stage::kOver;
    return {};
  }
  frames.add(ByteSpan(room).first(got.bytes));
  for (;;) {
    TRY(const auto message, frames.next());
    if (!message || is_over()) return {};
    TRY_VOID(receive(*message));
  }
}

Status SudoHost::send_replies(os::Stream& stream) {
  while (!replies_.empty()) {
    TRY(const size_t sent, stream.send(replies_));
    if (sent == 0) break;
    replies_.erase(replies_.begin(), replies_.begin() + static_cast<ptrdiff_t>(sent));
  }
  if (replies_.size() <= kUnsentBytesMax) return {};
  return fail(Code::kLimit, "the client does not read what it is told");
}

/// A connection that is closed while something is unread loses what it was told last: the client is
/// let finish, and go by itself.
void SudoHost::part(os::Stream& stream, Bytes& room, const os::Wake& stop) {
  const BootTime until = world_.clock.boot() + kPartingMax;
  while (send_replies(stream)) {
    const Micros left = until - world_.clock.boot();
    if (left <= Micros(0)) return;
    std::array<os::Readiness, 2> set = {{
        stream.awaited(!replies_.empty()),
        {.fd = stop.fd(), .want_read = true},
    }};
    os::wait_until_ready(set, stream.has_unread() ? Micros(0) : left);
    if (set[1].can_read) return;
    const auto got = stream.receive(room);
    if (!got || got->is_closed) return;
  }
}

Status SudoHost::serve(os::Stream& stream, const os::Wake& stop) {
  Bytes room(kRoomBytes);
  sudolog::Frames frames;
  const BootTime hello_due = world_.clock.boot() + kHelloMax;
  for (;;) {
    TRY_VOID(send_replies(stream));
    if (is_over()) return {};
    const Micros pause = slowed();
    const bool is_slowed = pause > Micros(0);
    std::array<os::Readiness, 3> set = {{
        is_slowed ? os::Readiness{} : stream.awaited(!replies_.empty()),
        {.fd = wake_.fd(), .want_read = true},
        {.fd = stop.fd(), .want_read = true},
    }};
    std::optional<Micros> patience;
    if (stage_ == Stage::kSilent) patience = std::max(Micros(0), hello_due - world_.clock.boot());
    const auto due = stream_ ? stream_->deadline() : std::nullopt;
    if (due) patience = std::max(Micros(1000), *due - world_.clock.boot());
    if (stream.has_unread()) patience = Micros(0);
    if (is_slowed) patience = pause;
    os::wait_until_ready(set, patience);
    if (set[2].can_read) return {};
    if (set[1].can_read) wake_.clear();
    const bool may_have_come = set[0].can_read || set[0].can_write || stream.has_unread();
    Status received = may_have_come && !is_slowed ? receive_all(stream, frames, room) : Status{};
    if (!received) {
      stream_.reset();  // sealed, before its client has gone
      part(stream, room, stop);
      return received;
    }
    TRY_VOID(step());
    if (stage_ == Stage::kSilent && world_.clock.boot() >= hello_due)
      return fail(Code::kCorrupt, "a connection without a hello");
  }
}

}  // namespace stele::agent
