#include <algorithm>
#include <iterator>

#include "codec/cbor.h"
#include "event/codec.h"
#include "event/map_reader.h"
#include "event/type.h"

namespace stele::event {
namespace {

using codec::CborReader;

template <typename OutputOrInput>
Result<Body> read_content(CborReader& in, Bytes&) {
  TRY(const ByteSpan bytes, in.bytes());
  return OutputOrInput{Bytes(bytes.begin(), bytes.end())};
}

template <Piped::Pipe kPipe>
Result<Body> read_piped(CborReader& in, Bytes&) {
  TRY(const ByteSpan bytes, in.bytes());
  return Piped{kPipe, Bytes(bytes.begin(), bytes.end())};
}

Result<Body> read_start_body(CborReader& in, Bytes& extra) { return read_start(in, extra); }

Result<Body> read_end_body(CborReader& in, Bytes& extra) { return read_end(in, extra); }

Result<Body> read_resize(CborReader& in, Bytes&) {
  TRY(const WindowSize size, read_window_size(in));
  return Resize{size};
}

Result<Body> read_redaction(CborReader& in, Bytes&) {
  TRY(const auto why, in.unsigned_integer());
  if (why > static_cast<uint64_t>(Redaction::Why::kHeuristic)) {
    return fail(Code::kCorrupt, "no such reason");
  }
  TRY(const auto bytes, in.unsigned_integer());
  if (bytes % kRedactionUnit != 0) return fail(Code::kCorrupt, "the count is not rounded");
  return Redaction{static_cast<Redaction::Why>(why), bytes};
}

Result<Body> read_line(CborReader& in, Bytes&) {
  Line line;
  TRY(line.text, in.text());
  if (line.text.empty() || line.text.size() > kLineBytesMax)
    return fail(Code::kCorrupt, "no line has such a size");
  TRY(line.prompt, in.text());
  if (line.prompt.size() > kLinePromptBytesMax)
    return fail(Code::kCorrupt, "no prompt has such a size");
  TRY(line.is_cut, in.boolean());
  return line;
}

Result<Body> read_gap(CborReader& in, Bytes&) {
  Gap gap;
  TRY(gap.why, in.text());
  TRY(gap.output_bytes, in.unsigned_integer());
  TRY(gap.input_bytes, in.unsigned_integer());
  TRY(gap.duration, read_micros(in));
  return gap;
}

Result<Body> read_suspend(CborReader& in, Bytes&) {
  TRY(const bool continued, in.boolean());
  return Suspend{continued};
}

Result<Body> read_grant(CborReader& in, Bytes&) {
  Grant grant;
  TRY(grant.stream, read_array<16>(in));
  TRY(grant.sequence, read_integer<uint32_t>(in));
  TRY(grant.key, read_array<32>(in));
  return grant;
}

Result<Body> read_exec_body(CborReader& in, Bytes& extra) { return read_exec(in, extra); }

Result<Body> read_exit_body(CborReader& in, Bytes& extra) { return read_exit(in, extra); }

Result<Body> read_privilege_body(CborReader& in, Bytes& extra) { return read_privilege(in, extra); }

Result<Body> read_forward(CborReader& in, Bytes&) {
  TRY(const uint64_t what, in.unsigned_integer());
  if (what > static_cast<uint64_t>(Forward::What::kListen))
    return fail(Code::kCorrupt, "nothing is forwarded so");
  Forward forward;
  forward.what = static_cast<Forward::What>(what);
  TRY(forward.address, in.text());
  if (forward.address.empty() || forward.address.size() > kAddressBytesMax)
    return fail(Code::kCorrupt, "no address has such a size");
  TRY(forward.port, read_integer<uint16_t>(in));
  TRY(forward.ago, read_micros(in));
  return forward;
}

Result<Body> read_finding_body(CborReader& in, Bytes& extra) { return read_finding(in, extra); }

Result<Body> read_terms_body(CborReader& in, Bytes& extra) { return read_terms(in, extra); }

Result<Body> read_person_body(CborReader& in, Bytes& extra) { return read_person(in, extra); }

Result<Body> read_sudo_body(CborReader& in, Bytes& extra) {
  TRY(const uint64_t what, in.unsigned_integer());
  if (what > static_cast<uint64_t>(Sudo::What::kCommand))
    return fail(Code::kCorrupt, "sudo decides nothing like " + std::to_string(what));
  TRY(Sudo sudo, read_sudo(in, extra));
  sudo.what = static_cast<Sudo::What>(what);
  return sudo;
}

Result<Body> read_opening(CborReader& in, Bytes&) {
  Opening opening;
  TRY(opening.acknowledged, in.boolean());
  TRY(opening.waited, read_micros(in));
  return opening;
}

Result<Body> read_elided(CborReader& in, Bytes&) {
  TRY(const uint64_t pipe, in.unsigned_integer());
  if (pipe > static_cast<uint64_t>(Piped::Pipe::kError))
    return fail(Code::kCorrupt, "no such pipe");
  Elided elided;
  elided.pipe = static_cast<Piped::Pipe>(pipe);
  TRY(elided.bytes, in.unsigned_integer());
  TRY(elided.before, in.unsigned_integer());
  TRY(elided.hash, read_array<32>(in));
  return elided;
}

Result<Body> read_transfer_body(CborReader& in, Bytes& extra) {
  TRY(const uint64_t what, in.unsigned_integer());
  if (what > static_cast<uint64_t>(Transfer::What::kLost))
    return fail(Code::kCorrupt, "no transfer does " + std::to_string(what));
  TRY(Transfer transfer, read_transfer(in, extra));
  transfer.what = static_cast<Transfer::What>(what);
  return transfer;
}

Result<Body> read_host_start_body(CborReader& in, Bytes& extra) {
  return read_host_start(in, extra);
}

Result<Body> read_host_stop(CborReader& in, Bytes&) {
  TRY(const std::string_view why, in.text());
  return HostStop{std::string(why)};
}

Result<Body> read_host_summary_body(CborReader& in, Bytes& extra) {
  return read_host_summary(in, extra);
}

Result<Body> read_clock_step(CborReader& in, Bytes&) {
  TRY(const int64_t by, in.integer());
  return ClockStep{Micros(by)};
}

Result<Body> read_session_number(CborReader& in, Bytes&) {
  SessionNumber session;
  TRY(session.number, in.unsigned_integer());
  TRY(session.stream, read_array<16>(in));
  return session;
}

Result<Body> read_server_start_body(CborReader& in, Bytes& extra) {
  return read_server_start(in, extra);
}

Result<Body> read_server_stop(CborReader& in, Bytes&) {
  TRY(const std::string_view why, in.text());
  return ServerStop{std::string(why)};
}

template <Asked::Kind kKind>
Result<Body> read_asked_body(CborReader& in, Bytes& extra) {
  TRY(Asked asked, read_asked(in, extra));
  asked.kind = kKind;
  return asked;
}

Result<Body> read_change(CborReader& in, Bytes&) {
  TRY(const std::string_view what, in.text());
  return Change{std::string(what)};
}

Result<Body> read_scrub(CborReader& in, Bytes&) {
  Scrub scrub;
  TRY(scrub.volumes, in.unsigned_integer());
  TRY(scrub.leaves, in.unsigned_integer());
  TRY(scrub.bytes, in.unsigned_integer());
  TRY(scrub.faults, in.unsigned_integer());
  TRY(scrub.took, read_micros(in));
  return scrub;
}

Result<Body> read_probe(CborReader& in, Bytes&) {
  Probe probe;
  for (std::string* text : {&probe.store, &probe.canary, &probe.mode}) {
    TRY(const std::string_view read, in.text());
    *text = read;
  }
  TRY(const int64_t ahead, in.integer());
  probe.ahead = Micros(ahead);
  TRY(const std::string_view failed, in.text());
  probe.failed = failed;
  return probe;
}

/// Lanes that an event may stand in, a bit for each.
constexpr unsigned bit(Lane lane) { return 1U << static_cast<unsigned>(lane); }
constexpr unsigned kFacts = bit(Lane::kFacts), kOutput = bit(Lane::kOutput),
                   kInput = bit(Lane::kInput);

/// What each type is called, how many items it has at least, where it may stand, and how it is
/// read.
struct Shape {
  Type type;
  std::string_view name;
  uint64_t items;
  unsigned lanes;
  Result<Body> (*read)(CborReader& in, Bytes& extra);
};
constexpr Shape kShapes[] = {
    {Type::kStart, "start", 3, kFacts, read_start_body},
    {Type::kOutput, "output", 3, kOutput, read_content<Output>},
    {Type::kInput, "input", 3, kInput, read_content<Input>},
    {Type::kResize, "resize", 6, kFacts, read_resize},
    {Type::kRedaction, "redaction", 4, kInput, read_redaction},
    {Type::kGap, "gap", 6, kFacts, read_gap},
    {Type::kEnd, "end", 3, kFacts, read_end_body},
    {Type::kSuspend, "suspend", 3, kFacts, read_suspend},
    {Type::kGrant, "grant", 5, kFacts | kOutput | kInput, read_grant},
    {Type::kExec, "exec", 3, kFacts, read_exec_body},
    {Type::kExit, "exit", 3, kFacts, read_exit_body},
    {Type::kPrivilege, "privilege", 3, kFacts, read_privilege_body},
    {Type::kFinding, "finding", 3, kFacts, read_finding_body},
    {Type::kLine, "line", 5, kInput | kFacts, read_line},
    {Type::kTerms, "terms", 3, kFacts, read_terms_body},
    {Type::kPerson, "person", 3, kFacts, read_person_body},
    {Type::kPipedInput, "piped-input", 3, kInput, read_piped<Piped::Pipe::kInput>},
    {Type::kPipedOutput, "piped-output", 3, kOutput, read_piped<Piped::Pipe::kOutput>},
    {Type::kPipedError, "piped-error", 3, kOutput, read_piped<Piped::Pipe::kError>},
    {Type::kHostStart, "host-start", 3, kFacts, read_host_start_body},
    {Type::kHostStop, "host-stop", 3, kFacts, read_host_stop},
    {Type::kHostSummary, "host-summary", 3, kFacts, read_host_summary_body},
    {Type::kClockStep, "clock-step", 3, kFacts, read_clock_step},
    {Type::kSessionNumber, "session-number", 4, kFacts, read_session_number},
    {Type::kSudo, "sudo", 4, kFacts, read_sudo_body},
    {Type::kOpening, "opening", 4, kFacts, read_opening},
    {Type::kElided, "elided", 6, kOutput | kInput, read_elided},
    {Type::kTransfer, "transfer", 4, kFacts, read_transfer_body},
    {Type::kForward, "forward", 6, kFacts, read_forward},
    {Type::kServerStart, "server-start", 3, kFacts, read_server_start_body},
    {Type::kServerStop, "server-stop", 3, kFacts, read_server_stop},
    {Type::kLogin, "login", 3, kFacts, read_asked_body<Asked::Kind::kLogin>},
    {Type::kAccess, "access", 3, kFacts, read_asked_body<Asked::Kind::kAccess>},
    {Type::kRefusal, "refusal", 3, kFacts, read_asked_body<Asked::Kind::kRefusal>},
    {Type::kChange, "change", 3, kFacts, read_change},
    {Type::kScrub, "scrub", 7, kFacts, read_scrub},
    {Type::kProbe, "probe", 7, kFacts, read_probe},
};

const Shape* shape_of(uint64_t type) {
  const auto* const found =
      std::find_if(std::begin(kShapes), std::end(kShapes),
                   [&](const Shape& s) { return static_cast<uint64_t>(s.type) == type; });
  return found == std::end(kShapes) ? nullptr : found;
}

Result<Body> read_known(const Shape& shape, Lane lane, uint64_t items, CborReader& in,
                        Bytes& extra) {
  if ((shape.lanes & bit(lane)) == 0) return fail(Code::kCorrupt, "does not belong in this lane");
  if (items < shape.items) return fail(Code::kCorrupt, "too few items");
  TRY(Body body, shape.read(in, extra));
  const auto* elided = std::get_if<Elided>(&body);
  if (elided != nullptr && elided->lane() != lane)
    return fail(Code::kCorrupt, "does not belong in this lane");
  extra.insert(extra.end(), in.rest().begin(), in.rest().end());
  return body;
}

}  // namespace

// The whole item has been checked: what cannot be read from it is not an event, but it is
// deterministic CBOR.
Result<Event> LaneDecoder::read(ByteSpan encoded) const {
  CborReader in(encoded);
  TRY(const uint64_t items, in.array());
  if (items < 2) return fail(Code::kCorrupt, "too few items");
  TRY(const uint64_t type, in.unsigned_integer());
  if (type == 0) return fail(Code::kCorrupt, "no such type");
  TRY(const int64_t delta, in.integer());
  if (delta < 0 && index_ > 0) return fail(Code::kCorrupt, "time goes back");
  int64_t at = 0;
  if (__builtin_add_overflow(micros(last_), delta, &at))
    return fail(Code::kCorrupt, "time overflows");
  Event event{lane_, BootTime(Micros(at)), Unknown{}};
  const Shape* const shape = shape_of(type);
  if (shape == nullptr) {
    event.body = Unknown{type, Bytes(encoded.begin(), encoded.end())};
    return event;
  }
  auto body = read_known(*shape, lane_, items, in, event.extra);
  if (!body) return fail(std::move(body).error().within(shape->name));
  event.body = *std::move(body);
  return event;
}

Result<std::optional<Event>> LaneDecoder::next() {
  if (rest_.empty()) return std::nullopt;
  CborReader sequence(rest_);
  auto event = sequence.skip_item().and_then([this](ByteSpan encoded) { return read(encoded); });
  if (!event) {
    const std::string where = std::string(lane_name(lane_)) + " event " + std::to_string(index_);
    return fail(std::move(event).error().within(where));
  }
  rest_ = sequence.rest();
  last_ = event->at;
  ++index_;
  return *std::move(event);
}

Result<std::vector<Event>> decode_lane(Lane lane, BootTime base, ByteSpan part) {
  LaneDecoder decoder(lane, base, part);
  std::vector<Event> events;
  for (;;) {
    TRY(auto event, decoder.next());
    if (!event) return events;
    events.push_back(*std::move(event));
  }
}

}  // namespace stele::event
