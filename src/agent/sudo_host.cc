#include "agent/sudo_host.h"

#include <array>

#include "base/version.h"
#include "os/pty.h"
#include "os/who.h"

namespace stele::agent {
namespace {

using event::Known;
using event::Lane;

constexpr uint32_t kNobody = 65534;  // whom this host does not know
constexpr size_t kPieceBytesMax = wire::kContentBytesMax, kClientBytesMax = 64;
constexpr size_t kRoomBytes = size_t{64} << 10, kUnsentBytesMax = size_t{256} << 10;
constexpr Micros kLate = std::chrono::minutes(1);
constexpr const char* kTimesRule = "sudo-log";

Submitter submitter_of(const event::Sudo& sudo) {
  auto account = os::account_named(sudo.by);
  Submitter who{sudo.by, account ? *std::move(account) : os::Account{kNobody, kNobody, {}}};
  if (sudo.by_uid) who.account.uid = *sudo.by_uid;
  return who;
}

/// sudo's word, and that of the user database of a name that sudo said: claims, all of them.
event::Start start_of(const sudolog::Facts& facts, const Submitter& who, const std::string& client,
                      event::InputPolicy input) {
  event::Start start;
  start.argv = facts.sudo.argv;
  if (start.argv.empty() && !facts.sudo.file.empty()) start.argv = {facts.sudo.file};
  start.cwd = facts.asked_in;
  start.uid = start.euid = who.account.uid;
  start.gid = who.account.gid;
  start.user = who.name;
  start.groups = who.account.groups;
  start.tty = facts.sudo.tty;
  start.size = facts.size;
  start.service = "sudo";
  for (const char* key : {"uid", "euid", "gid"}) start.known[key] = Known::kEnvironment;
  const auto mark = [&](const char* key, bool is_there) {
    if (is_there) start.known[key] = Known::kEnvironment;
  };
  mark("argv", !start.argv.empty());
  mark("cwd", !start.cwd.empty());
  mark("user", !start.user.empty());
  mark("groups", !start.groups.empty());
  mark("tty", !start.tty.empty());
  mark("size", start.size != event::WindowSize{});
  mark("service", true);
  start.host = os::host_name();
  start.kernel = os::kernel_release();
  start.machine_id = os::read_system_file("/etc/machine-id").value_or("");
  start.boot_id = os::read_system_file("/proc/sys/kernel/random/boot_id").value_or("");
  start.input_policy = input;
  start.title = "told by sudo's log protocol, sealed by this host's agent as its owner";
  start.recorder = client + " (sudo_logsrv)";
  return start;
}

std::string printable(const std::string& text) {
  std::string line = text.substr(0, kClientBytesMax);
  for (char& each : line)
    if (each < 0x20 || each > 0x7e) each = '?';
  return line.empty() ? "a client without a name" : line;
}

Micros to_micros(sudolog::Nanos time) { return std::chrono::duration_cast<Micros>(time); }

event::Piped::Pipe pipe_of(sudolog::Data::Way way) {
  if (way == sudolog::Data::Way::kIn) return event::Piped::Pipe::kInput;
  return way == sudolog::Data::Way::kOut ? event::Piped::Pipe::kOutput : event::Piped::Pipe::kError;
}

const char* end_of_decision(sudolog::Decision::Kind kind) {
  return kind == sudolog::Decision::Kind::kReject ? "rejected by sudo" : "sudo reported an error";
}

bool is_ours(const Error& error) {
  return error.code != Code::kCorrupt && error.code != Code::kUnsupported;
}

}  // namespace

Result<std::unique_ptr<SudoHost>> SudoHost::make(PolicyFor policy_for, Sessions& sessions,
                                                 Clock& clock) {
  TRY(os::Wake wake, os::Wake::make());
  std::unique_ptr<SudoHost> host(
      new SudoHost(std::move(policy_for), sessions, clock, std::move(wake)));
  host->replies_ = sudolog::encode_hello(std::string("stele ") + kVersion, true);
  return host;
}

/// What is held back for a verdict when a connection breaks gets one: it will not come again.
SudoHost::~SudoHost() {
  if (!sink_ || !filter_) return;
  filter_->finish(clock_.boot());
  (void)put_decided();
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
  TRY_VOID(std::visit([this](const auto& each) { return take(each); }, parsed));
  return step();
}

Status SudoHost::take(const sudolog::Hello& hello) {
  if (stage_ != Stage::kSilent) return fail(Code::kCorrupt, "a second hello");
  client_ = printable(hello.client);
  stage_ = Stage::kReady;
  return {};
}

Status SudoHost::take(const sudolog::Decision& decision) {
  if (stage_ == Stage::kLeftOut) return {};
  if (stage_ == Stage::kReady) return begin(decision);
  if (stage_ != Stage::kRunning) return fail(Code::kCorrupt, "a decision before the hello");
  return tell_facts(sudolog::facts_of(decision, true));
}

Status SudoHost::begin(const sudolog::Decision& decision) {
  const auto facts = sudolog::facts_of(decision, false);
  const Submitter who = submitter_of(facts.sudo);
  policy_ = policy_for_(who);
  policy_.recorder_group.reset();  // what it is for, the other end's owner has answered
  expects_data_ = decision.expects_data;
  wire::Hello wish;
  TRY(terms_, decide(policy_, os::Peer{}, wish));
  if (!policy_.terms.is_recorded) {
    policy_.tell({Notice::What::kLeftOut, "sudo of " + printable(who.name)});
    stage_ = Stage::kLeftOut;
    if (expects_data_) reply(sudolog::encode_log_id("left out by policy"));
    return {};
  }
  const event::Start start = start_of(facts, who, client_, terms_.input_policy);
  const auto durable = [this](uint64_t n) {
    uint64_t before = durable_.load();
    while (before < n && !durable_.compare_exchange_weak(before, n)) {
    }
    if (before < n) wake_.wake();
  };
  // No process of this host is its owner: see docs/sudo-logsrv.md.
  TRY(auto opened, sessions_.open(Owner{}, terms_, start, durable));
  sink_ = std::move(opened.sink);
  stage_ = Stage::kRunning;
  messages_ = wire::kOpeningNumber;
  began_ = last_ = clock_.boot();
  const auto rows = start.size.rows, columns = start.size.columns;
  filter_ = std::make_unique<capture::SecretFilter>(terms_.input_policy, rows ? rows : 24,
                                                    columns ? columns : 80);
  TRY_VOID(put(began_, Lane::kFacts, wire::facts_of(terms_)));
  TRY_VOID(tell_person(start));
  TRY_VOID(tell_facts(facts));
  const WallTime told{to_micros(decision.at)};
  const Micros late = clock_.wall() - told;
  if (late > kLate || late < -kLate) {
    const std::string what = "sent later: sudo says that it began at " + rfc3339(told) +
                             "; the times in this record are those of its arrival";
    TRY_VOID(sink_->note(clock_.boot(), event::Finding{kTimesRule, what, {}, {}}));
  }
  if (decision.kind != sudolog::Decision::Kind::kAccept) {
    event::End over;
    over.why = end_of_decision(decision.kind);
    return end(over);
  }
  if (!expects_data_) return {};
  reply(sudolog::encode_log_id(to_string(opened.id)));
  return {};
}

/// Whoever called sudo is told by sudo alone.
Status SudoHost::tell_person(const event::Start& start) {
  if (!policy_.people->roles) return {};
  event::Start as_user = start;
  as_user.service.clear();
  event::Person person = who_is(*policy_.people->roles, as_user);
  if (person.by) person.by = Known::kEnvironment;
  return sink_->note(clock_.boot(), person);
}

Status SudoHost::tell_facts(const sudolog::Facts& facts) {
  TRY_VOID(put(clock_.boot(), Lane::kFacts, facts.sudo));
  for (const std::string& each : facts.cut)
    TRY_VOID(sink_->note(
        clock_.boot(),
        event::Gap{"sudo's " + each + " is too long: its end is missing", 0, 0, Micros(0)}));
  return settle();
}

/// A time that the client counts to, on this host's clock: never to come, and never before the
/// last.
BootTime SudoHost::count(Micros since) {
  last_ = std::min(clock_.boot(), std::max(last_, began_ + since));
  return last_;
}

Result<BootTime> SudoHost::begin_record(sudolog::Nanos delay) {
  if (stage_ != Stage::kLeftOut && (stage_ != Stage::kRunning || !expects_data_))
    return fail(Code::kCorrupt, "a record outside a session");
  progress_.take(delay);
  return count(to_micros(progress_.elapsed()));
}

Status SudoHost::put(BootTime at, Lane lane, const event::Body& body) {
  TRY_VOID(sink_->event(at, lane, body));
  ++messages_;
  return {};
}

Status SudoHost::put_terminal(BootTime at, Lane lane, ByteSpan bytes) {
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), kPieceBytesMax))) {
    const ByteSpan piece = bytes.first(std::min(bytes.size(), kPieceBytesMax));
    TRY_VOID(lane == Lane::kOutput ? sink_->output(at, piece) : sink_->input(at, piece));
    ++messages_;
  }
  return {};
}

Status SudoHost::put_decided() {
  for (const capture::Decided& each : filter_->take()) {
    const auto* bytes = std::get_if<Bytes>(&each.what);
    if (!terms_.lanes.input) continue;
    input_bytes_ += bytes ? bytes->size() : std::get<event::Redaction>(each.what).bytes_rounded;
    if (bytes != nullptr) {
      TRY_VOID(put_terminal(each.at, Lane::kInput, *bytes));
    } else {
      TRY_VOID(put(each.at, Lane::kInput, std::get<event::Redaction>(each.what)));
    }
  }
  return {};
}

/// A record is whole in the stream when nothing that was typed is held back.
Status SudoHost::settle() {
  TRY_VOID(put_decided());
  if (!filter_->wants_second_look() && !filter_->deadline()) progress_.settle(messages_);
  sink_->passed_on();
  return {};
}

Status SudoHost::take(const sudolog::Data& data) {
  using Way = sudolog::Data::Way;
  TRY(const BootTime at, begin_record(data.delay));
  if (stage_ == Stage::kLeftOut) return {};
  const bool is_input = data.way == Way::kTtyIn || data.way == Way::kIn;
  // What is typed is counted once it is decided: else the total would tell a password's length.
  const bool is_counted_later = data.way == Way::kTtyIn && terms_.lanes.input;
  if (!is_counted_later) (is_input ? input_bytes_ : output_bytes_) += data.bytes.size();
  if (data.way == Way::kTtyIn) {
    filter_->input(at, data.bytes, capture::InputMode::kRaw);
  } else if (data.way == Way::kTtyOut) {
    filter_->output(at, data.bytes);
    if (terms_.lanes.output) TRY_VOID(put_terminal(at, Lane::kOutput, data.bytes));
  } else if (is_input ? terms_.lanes.input : terms_.lanes.output) {
    const Lane lane = is_input ? Lane::kInput : Lane::kOutput;
    for (ByteSpan rest = data.bytes; !rest.empty();) {
      const ByteSpan piece = rest.first(std::min(rest.size(), kPieceBytesMax));
      TRY_VOID(put(at, lane, event::Piped{pipe_of(data.way), {piece.begin(), piece.end()}}));
      rest = rest.subspan(piece.size());
    }
  }
  TRY_VOID(settle());
  return charge(data.bytes.size());
}

/// Above a quota the next message is left with the client, whose command waits then.
Status SudoHost::charge(size_t bytes) {
  if (!policy_.meter || bytes == 0) return {};
  const auto charge = policy_.meter->take(bytes);
  slowed_until_ = charge.ready;
  if (!charge.finding) return {};
  policy_.tell({Notice::What::kSlowed, *charge.finding});
  return sink_->note(clock_.boot(), event::Finding{"slowed", *charge.finding, {}, {}});
}

Status SudoHost::take(const sudolog::WindowSize& size) {
  TRY(const BootTime at, begin_record(size.delay));
  if (stage_ == Stage::kLeftOut) return {};
  if (size.rows > 0 && size.columns > 0) filter_->resize(size.rows, size.columns);
  TRY_VOID(put(at, Lane::kFacts, event::Resize{{size.rows, size.columns, 0, 0}}));
  return settle();
}

Status SudoHost::take(const sudolog::Suspend& suspend) {
  TRY(const BootTime at, begin_record(suspend.delay));
  if (stage_ == Stage::kLeftOut) return {};
  TRY_VOID(put(at, Lane::kFacts, event::Suspend{suspend.signal == "CONT"}));
  return settle();
}

Status SudoHost::take(const sudolog::Restart&) {
  return fail(Code::kUnsupported,
              "a log that was cut is not gone on with; send it whole, as a session of its own");
}

Status SudoHost::take(const sudolog::Exit& exit) {
  if (stage_ == Stage::kLeftOut) {
    stage_ = Stage::kOver;
    if (expects_data_) reply(sudolog::encode_commit_point(progress_.elapsed()));
    return {};
  }
  if (stage_ != Stage::kRunning) return fail(Code::kCorrupt, "an exit outside a session");
  TRY(event::End over, sudolog::end_of(exit));
  return end(std::move(over));
}

Status SudoHost::end(event::End over) {
  filter_->finish(clock_.boot());
  TRY_VOID(put_decided());
  over.output_bytes = output_bytes_;
  over.input_bytes = input_bytes_;
  TRY_VOID(sink_->event(clock_.boot(), Lane::kFacts, over));
  TRY_VOID(sink_->close());
  sink_.reset();
  stage_ = Stage::kOver;
  if (!expects_data_) return {};
  reply(sudolog::encode_commit_point(progress_.elapsed()));
  return {};
}

Status SudoHost::step() {
  if (stage_ != Stage::kRunning) return {};
  filter_->tick(clock_.boot());
  TRY_VOID(settle());
  commit();
  return {};
}

/// Behind what was not sent yet.
void SudoHost::reply(const Bytes& message) {
  replies_.insert(replies_.end(), message.begin(), message.end());
}

void SudoHost::commit() {
  const auto point = progress_.commit(durable_.load());
  if (!point) return;
  reply(sudolog::encode_commit_point(*point));
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

Status SudoHost::receive_all(os::StreamSocket& socket, sudolog::Frames& frames, Bytes& room) {
  TRY(const os::Received got, socket.receive(room));
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

Status SudoHost::send_replies(os::StreamSocket& socket) {
  while (!replies_.empty()) {
    TRY(const size_t sent, socket.send(replies_));
    if (sent == 0) break;
    replies_.erase(replies_.begin(), replies_.begin() + static_cast<ptrdiff_t>(sent));
  }
  if (replies_.size() <= kUnsentBytesMax) return {};
  return fail(Code::kLimit, "the client does not read what it is told");
}

Status SudoHost::serve(os::StreamSocket socket, const os::Wake& stop) {
  Bytes room(kRoomBytes);
  sudolog::Frames frames;
  const BootTime hello_due = clock_.boot() + kHelloMax;
  for (;;) {
    TRY_VOID(send_replies(socket));
    if (is_over()) return {};
    const Micros pause = slowed();
    std::array<os::Readiness, 3> set = {{
        {.fd = pause > Micros(0) ? -1 : socket.get(),
         .want_read = true,
         .want_write = !replies_.empty()},
        {.fd = wake_.fd(), .want_read = true},
        {.fd = stop.fd(), .want_read = true},
    }};
    std::optional<Micros> patience;
    if (stage_ == Stage::kSilent) patience = std::max(Micros(0), hello_due - clock_.boot());
    const auto due = filter_ ? filter_->deadline() : std::nullopt;
    if (due) patience = std::max(Micros(1000), *due - clock_.boot());
    if (pause > Micros(0)) patience = pause;
    os::wait_until_ready(set, patience);
    if (set[2].can_read) return {};
    if (set[1].can_read) wake_.clear();
    const Status received = set[0].can_read ? receive_all(socket, frames, room) : Status{};
    if (!received) {
      (void)send_replies(socket);
      return received;
    }
    TRY_VOID(step());
    if (stage_ == Stage::kSilent && clock_.boot() >= hello_due)
      return fail(Code::kCorrupt, "a connection without a hello");
  }
}

}  // namespace stele::agent
