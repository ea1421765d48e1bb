#include <algorithm>
#include <utility>

#include "base/check.h"
#include "codec/cbor.h"
#include "codec/utf8.h"
#include "event/codec.h"
#include "event/map_writer.h"
#include "event/type.h"

namespace stele::event {
namespace {

using codec::CborHead;
using codec::CborReader;
using codec::CborType;
using codec::CborWriter;

/// Writes one event: [type, Δt, …].
class EventWriter {
 public:
  EventWriter(Bytes& out, int64_t delta) : out_(out), delta_(delta) {}

  void operator()(const Start& start) {
    begin(Type::kStart, 1);
    write_map(start, out_);
  }
  void operator()(const Output& output) {
    begin(Type::kOutput, 1);
    out_.bytes(output.bytes);
  }
  void operator()(const Input& input) {
    begin(Type::kInput, 1);
    out_.bytes(input.bytes);
  }
  void operator()(const Piped& piped) {
    begin(piped.pipe == Piped::Pipe::kInput    ? Type::kPipedInput
          : piped.pipe == Piped::Pipe::kOutput ? Type::kPipedOutput
                                               : Type::kPipedError,
          1);
    out_.bytes(piped.bytes);
  }
  void operator()(const Elided& elided) {
    begin(Type::kElided, 4);
    out_.unsigned_integer(static_cast<uint64_t>(elided.pipe));
    out_.unsigned_integer(elided.bytes);
    out_.unsigned_integer(elided.before);
    out_.bytes(elided.hash);
  }
  void operator()(const Transfer& transfer) {
    begin(Type::kTransfer, 2);
    out_.unsigned_integer(static_cast<uint64_t>(transfer.what));
    write_map(transfer, out_);
  }
  void operator()(const Resize& resize) {
    begin(Type::kResize, 4);
    const WindowSize& size = resize.size;
    for (uint16_t v : {size.rows, size.columns, size.width_pixels, size.height_pixels}) {
      out_.unsigned_integer(v);
    }
  }
  void operator()(const Redaction& redaction) {
    CHECK(redaction.bytes_rounded % kRedactionUnit == 0);
    begin(Type::kRedaction, 2);
    out_.unsigned_integer(static_cast<uint64_t>(redaction.why));
    out_.unsigned_integer(redaction.bytes_rounded);
  }
  void operator()(const Line& line) {
    begin(Type::kLine, 3);
    out_.text(codec::to_utf8(line.text));
    out_.text(codec::to_utf8(line.prompt));
    out_.boolean(line.is_cut);
  }
  void operator()(const Gap& gap) {
    begin(Type::kGap, 4);
    out_.text(codec::to_utf8(gap.why));
    out_.unsigned_integer(gap.output_bytes);
    out_.unsigned_integer(gap.input_bytes);
    out_.unsigned_integer(unsigned_micros(gap.duration));
  }
  void operator()(const Suspend& suspend) {
    begin(Type::kSuspend, 1);
    out_.boolean(suspend.continued);
  }
  void operator()(const End& end) {
    begin(Type::kEnd, 1);
    write_map(end, out_);
  }
  void operator()(const Grant& grant) {
    begin(Type::kGrant, 3);
    out_.bytes(grant.stream);
    out_.unsigned_integer(grant.sequence);
    out_.bytes(grant.key);
  }
  void operator()(const Exec& exec) {
    begin(Type::kExec, 1);
    write_map(exec, out_);
  }
  void operator()(const Exit& exit) {
    begin(Type::kExit, 1);
    write_map(exit, out_);
  }
  void operator()(const Privilege& privilege) {
    begin(Type::kPrivilege, 1);
    write_map(privilege, out_);
  }
  void operator()(const Forward& forward) {
    begin(Type::kForward, 4);
    out_.unsigned_integer(static_cast<uint64_t>(forward.what));
    out_.text(codec::to_utf8(forward.address));
    out_.unsigned_integer(forward.port);
    out_.unsigned_integer(unsigned_micros(forward.ago));
  }
  void operator()(const Finding& finding) {
    begin(Type::kFinding, 1);
    write_map(finding, out_);
  }
  void operator()(const Terms& terms) {
    begin(Type::kTerms, 1);
    write_map(terms, out_);
  }
  void operator()(const Person& person) {
    begin(Type::kPerson, 1);
    write_map(person, out_);
  }
  void operator()(const Sudo& sudo) {
    begin(Type::kSudo, 2);
    out_.unsigned_integer(static_cast<uint64_t>(sudo.what));
    write_map(sudo, out_);
  }
  void operator()(const Opening& opening) {
    begin(Type::kOpening, 2);
    out_.boolean(opening.acknowledged);
    out_.unsigned_integer(unsigned_micros(opening.waited));
  }
  void operator()(const HostStart& start) {
    begin(Type::kHostStart, 1);
    write_map(start, out_);
  }
  void operator()(const HostStop& stop) {
    begin(Type::kHostStop, 1);
    out_.text(codec::to_utf8(stop.why));
  }
  void operator()(const HostSummary& summary) {
    begin(Type::kHostSummary, 1);
    write_map(summary, out_);
  }
  void operator()(const ClockStep& step) {
    begin(Type::kClockStep, 1);
    out_.integer(step.by.count());
  }
  void operator()(const SessionNumber& session) {
    begin(Type::kSessionNumber, 2);
    out_.unsigned_integer(session.number);
    out_.bytes(session.stream);
  }
  void operator()(const ServerStart& start) {
    begin(Type::kServerStart, 1);
    write_map(start, out_);
  }
  void operator()(const ServerStop& stop) {
    begin(Type::kServerStop, 1);
    out_.text(codec::to_utf8(stop.why));
  }
  void operator()(const Asked& asked) {
    begin(asked.kind == Asked::Kind::kLogin    ? Type::kLogin
          : asked.kind == Asked::Kind::kAccess ? Type::kAccess
                                               : Type::kRefusal,
          1);
    write_map(asked, out_);
  }
  void operator()(const Change& change) {
    begin(Type::kChange, 1);
    out_.text(codec::to_utf8(change.what));
  }
  void operator()(const Scrub& scrub) {
    begin(Type::kScrub, 5);
    out_.unsigned_integer(scrub.volumes);
    out_.unsigned_integer(scrub.leaves);
    out_.unsigned_integer(scrub.bytes);
    out_.unsigned_integer(scrub.faults);
    out_.unsigned_integer(static_cast<uint64_t>(scrub.took.count()));
  }
  void operator()(const Probe& probe) {
    begin(Type::kProbe, 5);
    out_.text(codec::to_utf8(probe.store));
    out_.text(codec::to_utf8(probe.canary));
    out_.text(codec::to_utf8(probe.mode));
    out_.integer(probe.ahead.count());
    out_.text(codec::to_utf8(probe.failed));
  }
  /// As it came, but for Δt.
  void operator()(const Unknown& unknown) {
    CborReader in(unknown.encoded);
    const auto items = in.array();
    const auto type = in.unsigned_integer();
    CHECK(items && type && *type == unknown.type && in.integer());
    out_.array(*items);
    out_.unsigned_integer(*type);
    out_.integer(delta_);
    out_.encoded(in.rest());
  }

 private:
  void begin(Type type, uint64_t items) {
    out_.array(2 + items);
    out_.unsigned_integer(static_cast<uint64_t>(type));
    out_.integer(delta_);
  }

  CborWriter out_;
  int64_t delta_;
};

void write_bytes_event(Bytes& out, Type type, int64_t delta, ByteSpan bytes) {
  CborWriter writer(out);
  writer.array(3);
  writer.unsigned_integer(static_cast<uint64_t>(type));
  writer.integer(delta);
  writer.bytes(bytes);
}

}  // namespace

void LaneEncoder::begin(BootTime base) {
  CHECK(bytes_.empty());
  last_ = base;
  is_first_ = true;
}

// Only a part's first event may be before its base: typed bytes that waited for a verdict.
int64_t LaneEncoder::delta(BootTime at) {
  if (!is_first_) at = std::max(at, last_);
  is_first_ = false;
  return (at - std::exchange(last_, at)).count();
}

void LaneEncoder::output(BootTime at, ByteSpan bytes) {
  write_bytes_event(bytes_, Type::kOutput, delta(at), bytes);
}

void LaneEncoder::input(BootTime at, ByteSpan bytes) {
  write_bytes_event(bytes_, Type::kInput, delta(at), bytes);
}

void LaneEncoder::event(BootTime at, const Body& body) {
  std::visit(EventWriter(bytes_, delta(at)), body);
}

Bytes LaneEncoder::take() { return std::exchange(bytes_, {}); }

void LaneEncoder::reuse(Bytes&& buffer) {
  CHECK(bytes_.empty());
  bytes_ = std::move(buffer);
  bytes_.clear();
}

}  // namespace stele::event
