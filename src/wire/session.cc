#include "wire/session.h"

#include <algorithm>

#include "base/check.h"
#include "codec/utf8.h"
#include "event/codec.h"

namespace stele::wire {
namespace {

using event::Lane;

enum class Type : uint8_t {
  kHello = 1,
  kResume = 2,
  kEvent = 3,
  kBye = 4,
  kArrived = 5,
  kLeft = 6,
  kWelcome = 17,
  kRefused = 18,
  kTaken = 19,
  kUnrecorded = 20,
  kNoted = 21
};

constexpr uint8_t kFactsBit = 1, kOutputBit = 2, kInputBit = 4, kLinesBit = 8;

tl::unexpected<Error> corrupt(const char* what) {
  return fail(Code::kCorrupt, std::string("session message: ") + what);
}
tl::unexpected<Error> too_long(const char* what) {
  return fail(Code::kLimit, std::string("session message: ") + what + " is too long");
}

void begin(ByteWriter& out, Type type) { out.u8(static_cast<uint8_t>(type)); }

void write_string(ByteWriter& out, std::string_view text) {
  out.u16(static_cast<uint16_t>(text.size()));
  out.bytes(as_bytes(text));
}

/// UTF-8 of at most `size` bytes: no character is cut in two.
std::string fitted(std::string_view text, size_t size) {
  std::string whole = codec::to_utf8(text);
  if (whole.size() <= size) return whole;
  while (size > 0 && (static_cast<uint8_t>(whole[size]) & 0xc0) == 0x80) --size;
  whole.resize(size);
  return whole;
}

Result<std::string> read_string(ByteReader& in, size_t size_max, const char* what) {
  const uint16_t size = in.u16();
  if (size > size_max) return too_long(what);
  return std::string(as_text(in.bytes(size)));
}

Result<std::string> read_text(ByteReader& in, size_t size_max, const char* what) {
  TRY(std::string text, read_string(in, size_max, what));
  if (!codec::is_utf8(text)) return corrupt("text that is not UTF-8");
  return text;
}

Result<event::InputPolicy> read_policy(ByteReader& in) {
  const uint8_t value = in.u8();
  if (value > static_cast<uint8_t>(event::InputPolicy::kNone)) return corrupt("no such policy");
  return static_cast<event::InputPolicy>(value);
}

Result<bool> read_flag(ByteReader& in) {
  const uint8_t value = in.u8();
  if (value > 1) return corrupt("a flag that is neither 0 nor 1");
  return value == 1;
}

Result<Program> read_program(ByteReader& in) {
  const uint8_t value = in.u8();
  if (value > static_cast<uint8_t>(Program::kScpFrom)) return corrupt("no such program");
  return static_cast<Program>(value);
}

Status read_protocol(ByteReader& in) {
  const uint8_t version = in.u8();
  if (!in.ok()) return corrupt("cut short");
  if (version != kSessionProtocol) {
    return fail(Code::kUnsupported, "session protocol version " + std::to_string(version) +
                                        ", and this program speaks version " +
                                        std::to_string(kSessionProtocol));
  }
  return {};
}

Status check_size(const std::string& text, size_t size_max, const char* what) {
  if (text.size() > size_max) return too_long(what);
  return {};
}

Status check(const Hello& hello) {
  if (hello.argv.empty()) return fail(Code::kInvalid, "session message: no command");
  if (hello.argv.size() > kArgumentCountMax) return too_long("the command line");
  TRY_VOID(check_size(hello.recorder, kRecorderBytesMax, "the recorder's version"));
  TRY_VOID(check_size(hello.title, kTitleBytesMax, "the title"));
  TRY_VOID(check_size(hello.cwd, kDirectoryBytesMax, "the working directory"));
  TRY_VOID(check_size(hello.terminal, kTerminalBytesMax, "the terminal's type"));
  TRY_VOID(check_size(hello.connection, kClaimBytesMax, "the connection"));
  TRY_VOID(check_size(hello.invoker, kClaimBytesMax, "the invoking user"));
  TRY_VOID(check_size(hello.proof, kProofBytesMax, "the proof of a login"));
  TRY_VOID(check_size(hello.forwarded_agent, kClaimBytesMax, "the SSH agent's socket"));
  TRY_VOID(check_size(hello.break_glass, kBreakGlassBytesMax, "the reason"));
  size_t total = 0;
  for (const std::string& argument : hello.argv) {
    total += 2 + std::min(argument.size(), kPacketBytesMax);
    if (total > kPacketBytesMax) return too_long("the command line");
  }
  return {};
}

Result<FromRecorder> read_hello(ByteReader& in) {
  TRY_VOID(read_protocol(in));
  Hello hello;
  TRY(hello.input_policy, read_policy(in));
  for (uint16_t* part : {&hello.size.rows, &hello.size.columns, &hello.size.width_pixels,
                         &hello.size.height_pixels}) {
    *part = in.u16();
  }
  TRY(hello.recorder, read_text(in, kRecorderBytesMax, "the recorder's version"));
  TRY(hello.title, read_string(in, kTitleBytesMax, "the title"));
  TRY(hello.cwd, read_string(in, kDirectoryBytesMax, "the working directory"));
  TRY(hello.terminal, read_string(in, kTerminalBytesMax, "the terminal's type"));
  TRY(hello.connection, read_string(in, kClaimBytesMax, "the connection"));
  TRY(hello.invoker, read_string(in, kClaimBytesMax, "the invoking user"));
  TRY(hello.proof, read_string(in, kProofBytesMax, "the proof of a login"));
  TRY(hello.forwarded_agent, read_string(in, kClaimBytesMax, "the SSH agent's socket"));
  TRY(hello.break_glass, read_text(in, kBreakGlassBytesMax, "the reason"));
  TRY(const bool has_parent, read_flag(in));
  if (has_parent) hello.parent = in.array<16>();
  TRY(hello.program, read_program(in));
  const uint16_t count = in.u16();
  if (count > kArgumentCountMax) return too_long("the command line");
  if (in.ok() && count == 0) return corrupt("no command");
  for (uint16_t i = 0; i < count && in.ok(); ++i) {
    TRY(std::string argument, read_string(in, kPacketBytesMax, "an argument"));
    hello.argv.push_back(std::move(argument));
  }
  return hello;
}

Result<FromRecorder> read_resume(ByteReader& in) {
  TRY_VOID(read_protocol(in));
  const Resume resume{in.array<16>(), in.u64()};
  if (in.ok() && resume.first <= kOpeningNumber) return corrupt("a number that no event has");
  return resume;
}

bool may_be_said(const event::Body& body) {
  return !std::holds_alternative<event::Start>(body) &&
         !std::holds_alternative<event::Grant>(body) && !event::is_host_event(body) &&
         !event::is_kernel_event(body) && !std::holds_alternative<event::Person>(body) &&
         !std::holds_alternative<event::Opening>(body) &&
         !std::holds_alternative<event::Elided>(body) &&
         !std::holds_alternative<event::Transfer>(body) &&
         !std::holds_alternative<event::Unknown>(body);
}

Result<FromRecorder> read_event(ByteReader& in) {
  const uint8_t lane = in.u8();
  const uint64_t number = in.u64(), at = in.u64();
  if (!in.ok()) return corrupt("cut short");
  if (lane >= event::kLaneCount) return corrupt("no such lane");
  if (number <= kOpeningNumber) return corrupt("a number that no event has");
  if (at > static_cast<uint64_t>(INT64_MAX)) return corrupt("no such time");
  const BootTime time{Micros(static_cast<int64_t>(at))};
  event::LaneDecoder decoder(static_cast<Lane>(lane), time, in.bytes(in.rest().size()));
  TRY(auto event, decoder.next());
  if (!event) return corrupt("no event");
  TRY(const auto second, decoder.next());
  if (second) return corrupt("more than one event");
  if (event->at != time) return corrupt("an event's time that is not the message's");
  if (!event->extra.empty() || !may_be_said(event->body)) {
    return corrupt("an event that is not a recorder's to say");
  }
  return Said{number, *std::move(event)};
}

Result<FromRecorder> read_bye(ByteReader& in) {
  const Bye bye{in.u64()};
  if (in.ok() && bye.last < kOpeningNumber) return corrupt("a number that no message has");
  return bye;
}

/// All but the proof are of one size.
constexpr std::string Arrived::* kArrivedFields[] = {&Arrived::service,     &Arrived::user,
                                                     &Arrived::remote_host, &Arrived::remote_user,
                                                     &Arrived::terminal,    &Arrived::connection};

Result<FromRecorder> read_arrived(ByteReader& in) {
  TRY_VOID(read_protocol(in));
  Arrived arrived;
  for (const auto field : kArrivedFields) {
    TRY(arrived.*field, read_string(in, kClaimBytesMax, "a field of an arrival"));
  }
  TRY(arrived.proof, read_string(in, kProofBytesMax, "the proof of a login"));
  return arrived;
}

Result<FromRecorder> read_left(ByteReader& in) {
  TRY_VOID(read_protocol(in));
  return Left{};
}

Status read_lanes(ByteReader& in, Terms& terms) {
  const uint8_t bits = in.u8();
  terms.lanes = {(bits & kOutputBit) != 0, (bits & kInputBit) != 0};
  terms.lines_in_facts = (bits & kLinesBit) != 0;
  if ((bits & kFactsBit) == 0 || (bits & ~(kFactsBit | kOutputBit | kInputBit | kLinesBit)) != 0 ||
      terms.lanes.input != (terms.input_policy != event::InputPolicy::kNone)) {
    return corrupt("no such lanes");
  }
  return {};
}

Result<Terms> read_terms(ByteReader& in) {
  Terms terms;
  TRY(terms.input_policy, read_policy(in));
  if (!in.ok()) return corrupt("cut short");
  TRY_VOID(read_lanes(in, terms));
  TRY(terms.digests, read_flag(in));
  TRY(terms.open, read_flag(in));
  terms.patience_ms = in.u32();
  terms.window_bytes = in.u32();
  if (!in.ok()) return corrupt("cut short");
  if (terms.patience_ms == 0 || terms.patience_ms > kPatienceMsMax) return corrupt("no such time");
  if (terms.window_bytes < kWindowBytesMin || terms.window_bytes > kWindowBytesMax) {
    return corrupt("no such window");
  }
  TRY(terms.banner, read_text(in, kBannerBytesMax, "the banner"));
  TRY(terms.break_glass, read_text(in, kBreakGlassBytesMax, "the reason"));
  terms.rule = in.u32();
  TRY(terms.rule_name, read_text(in, kRuleNameBytesMax, "the rule's name"));
  terms.policy_version = in.u64();
  if (terms.policy_version != 0) terms.policy_hash = in.array<32>();
  return terms;
}

Result<FromAgent> read_welcome(ByteReader& in) {
  Welcome welcome{in.array<16>(), in.u64(), {}};
  if (in.ok() && welcome.next <= kOpeningNumber) return corrupt("a number that no event has");
  TRY(welcome.terms, read_terms(in));
  return welcome;
}

Result<FromAgent> read_refused(ByteReader& in) {
  const uint8_t code = in.u8();
  if (code == 0 || code > static_cast<uint8_t>(SessionRefusal::kFailed)) {
    return corrupt("no such refusal");
  }
  TRY(std::string reason, read_text(in, kRefusalBytesMax, "the reason"));
  return SessionRefused{static_cast<SessionRefusal>(code), std::move(reason)};
}

Result<FromAgent> read_unrecorded(ByteReader& in) {
  TRY(std::string banner, read_text(in, kBannerBytesMax, "the banner"));
  return Unrecorded{std::move(banner)};
}

Result<FromAgent> read_taken(ByteReader& in) {
  const Taken taken{in.u64()};
  if (in.ok() && taken.number < kOpeningNumber) return corrupt("a number that no message has");
  return taken;
}

/// A message is good if all its fields are, and nothing is missing or left.
template <typename Message>
Result<Message> whole(Result<Message> message, const ByteReader& in) {
  if (!in.ok()) return corrupt("cut short");
  if (message && !in.done()) return corrupt("bytes behind its end");
  return message;
}

Bytes numbered(Type type, uint64_t number) {
  Bytes packet;
  ByteWriter out(packet);
  begin(out, type);
  out.u64(number);
  return packet;
}

Bytes event_front(uint64_t number, BootTime at, Lane lane, size_t size) {
  Bytes packet;
  packet.reserve(size);
  ByteWriter out(packet);
  begin(out, Type::kEvent);
  out.u8(static_cast<uint8_t>(lane));
  out.u64(number);
  out.u64(static_cast<uint64_t>(micros(at)));
  return packet;
}

}  // namespace

event::Terms facts_of(const Terms& terms) {
  event::Terms facts;
  facts.rule = terms.rule;
  facts.rule_name = terms.rule_name;
  facts.version = terms.policy_version;
  facts.policy_hash = terms.policy_hash;
  facts.input_policy = terms.input_policy;
  facts.keeps_output = terms.lanes.output;
  facts.lines_in_facts = terms.lines_in_facts;
  facts.open = terms.open;
  facts.digests = terms.digests;
  facts.banner = terms.banner;
  facts.reason = terms.break_glass;
  return facts;
}

Result<Bytes> encode(const Hello& hello) {
  TRY_VOID(check(hello));
  Bytes packet;
  ByteWriter out(packet);
  begin(out, Type::kHello);
  out.u8(kSessionProtocol);
  out.u8(static_cast<uint8_t>(hello.input_policy));
  for (uint16_t part :
       {hello.size.rows, hello.size.columns, hello.size.width_pixels, hello.size.height_pixels}) {
    out.u16(part);
  }
  write_string(out, fitted(hello.recorder, kRecorderBytesMax));
  write_string(out, hello.title);
  write_string(out, hello.cwd);
  write_string(out, hello.terminal);
  write_string(out, hello.connection);
  write_string(out, hello.invoker);
  write_string(out, hello.proof);
  write_string(out, hello.forwarded_agent);
  write_string(out, fitted(hello.break_glass, kBreakGlassBytesMax));
  out.u8(hello.parent ? 1 : 0);
  if (hello.parent) out.bytes(*hello.parent);
  out.u8(static_cast<uint8_t>(hello.program));
  out.u16(static_cast<uint16_t>(hello.argv.size()));
  for (const std::string& argument : hello.argv) write_string(out, argument);
  if (packet.size() > kPacketBytesMax) return too_long("the command line");
  return packet;
}

Bytes encode(const Resume& resume) {
  Bytes packet;
  ByteWriter out(packet);
  begin(out, Type::kResume);
  out.u8(kSessionProtocol);
  out.bytes(resume.session);
  out.u64(resume.first);
  return packet;
}

Bytes encode(const Bye& bye) { return numbered(Type::kBye, bye.last); }

Result<Bytes> encode(const Arrived& arrived) {
  Bytes packet;
  ByteWriter out(packet);
  begin(out, Type::kArrived);
  out.u8(kSessionProtocol);
  for (const auto field : kArrivedFields) {
    TRY_VOID(check_size(arrived.*field, kClaimBytesMax, "a field of an arrival"));
    write_string(out, arrived.*field);
  }
  TRY_VOID(check_size(arrived.proof, kProofBytesMax, "the proof of a login"));
  write_string(out, arrived.proof);
  return packet;
}

Bytes encode(const Left&) { return {static_cast<uint8_t>(Type::kLeft), kSessionProtocol}; }

Bytes encode_content(uint64_t number, BootTime at, Lane lane, ByteSpan content) {
  CHECK(content.size() <= kContentBytesMax && lane != Lane::kFacts);
  event::LaneEncoder encoder;
  encoder.begin(at);
  if (lane == Lane::kOutput) {
    encoder.output(at, content);
  } else {
    encoder.input(at, content);
  }
  Bytes packet = event_front(number, at, lane, content.size() + 32);
  packet.insert(packet.end(), encoder.bytes().begin(), encoder.bytes().end());
  return packet;
}

Result<Bytes> encode_event(uint64_t number, BootTime at, Lane lane, const event::Body& body) {
  event::LaneEncoder encoder;
  encoder.begin(at);
  encoder.event(at, body);
  Bytes packet = event_front(number, at, lane, encoder.bytes().size() + 32);
  packet.insert(packet.end(), encoder.bytes().begin(), encoder.bytes().end());
  if (packet.size() > kPacketBytesMax) return too_long("an event");
  return packet;
}

Bytes encode(const Welcome& welcome) {
  const Terms& terms = welcome.terms;
  Bytes packet;
  ByteWriter out(packet);
  begin(out, Type::kWelcome);
  out.bytes(welcome.session);
  out.u64(welcome.next);
  out.u8(static_cast<uint8_t>(terms.input_policy));
  const bool input = terms.input_policy != event::InputPolicy::kNone;
  out.u8(static_cast<uint8_t>(kFactsBit | (terms.lanes.output ? kOutputBit : 0) |
                              (input ? kInputBit : 0) | (terms.lines_in_facts ? kLinesBit : 0)));
  out.u8(terms.digests ? 1 : 0);
  out.u8(terms.open ? 1 : 0);
  out.u32(std::clamp(terms.patience_ms, 1U, kPatienceMsMax));
  out.u32(std::clamp(terms.window_bytes, kWindowBytesMin, kWindowBytesMax));
  write_string(out, fitted(terms.banner, kBannerBytesMax));
  write_string(out, fitted(terms.break_glass, kBreakGlassBytesMax));
  out.u32(terms.rule);
  write_string(out, fitted(terms.rule_name, kRuleNameBytesMax));
  CHECK(terms.policy_hash.has_value() == (terms.policy_version != 0));
  out.u64(terms.policy_version);
  if (terms.policy_hash) out.bytes(*terms.policy_hash);
  return packet;
}

Bytes encode(const Unrecorded& unrecorded) {
  Bytes packet;
  ByteWriter out(packet);
  begin(out, Type::kUnrecorded);
  write_string(out, fitted(unrecorded.banner, kBannerBytesMax));
  return packet;
}

Bytes encode(const Noted&) { return {static_cast<uint8_t>(Type::kNoted)}; }

Bytes encode(const SessionRefused& refused) {
  Bytes packet;
  ByteWriter out(packet);
  begin(out, Type::kRefused);
  out.u8(static_cast<uint8_t>(refused.code));
  write_string(out, fitted(refused.reason, kRefusalBytesMax));
  return packet;
}

Bytes encode(const Taken& taken) { return numbered(Type::kTaken, taken.number); }

Result<FromRecorder> parse_from_recorder(ByteSpan packet) {
  if (packet.size() > kPacketBytesMax) return too_long("the packet");
  ByteReader in(packet);
  switch (static_cast<Type>(in.u8())) {
    case Type::kHello:
      return whole(read_hello(in), in);
    case Type::kResume:
      return whole(read_resume(in), in);
    case Type::kEvent:
      return whole(read_event(in), in);
    case Type::kBye:
      return whole(read_bye(in), in);
    case Type::kArrived:
      return whole(read_arrived(in), in);
    case Type::kLeft:
      return whole(read_left(in), in);
    default:
      return corrupt("no message of a recorder's");
  }
}

Result<FromAgent> parse_from_agent(ByteSpan packet) {
  if (packet.size() > kPacketBytesMax) return too_long("the packet");
  ByteReader in(packet);
  switch (static_cast<Type>(in.u8())) {
    case Type::kWelcome:
      return whole(read_welcome(in), in);
    case Type::kRefused:
      return whole(read_refused(in), in);
    case Type::kTaken:
      return whole(read_taken(in), in);
    case Type::kUnrecorded:
      return whole(read_unrecorded(in), in);
    case Type::kNoted:
      return whole(Result<FromAgent>(Noted{}), in);
    default:
      return corrupt("no message of an agent's");
  }
}

}  // namespace stele::wire
