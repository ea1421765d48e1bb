#include <algorithm>
#include <iterator>

#include "codec/cbor.h"
#include "event/codec.h"
#include "event/map_reader.h"
#include "event/type.h"

namespace stele::event {
namespace {

using codec::CborReader;

template <size_t N>
Result<std::array<uint8_t, N>> read_array(CborReader& in) {
  TRY(const ByteSpan bytes, in.bytes());
  if (bytes.size() != N) return fail(Code::kCorrupt, "not " + std::to_string(N) + " bytes");
  std::array<uint8_t, N> out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

template <typename OutputOrInput>
Result<Body> read_content(CborReader& in, Bytes&) {
  TRY(const ByteSpan bytes, in.bytes());
  return OutputOrInput{Bytes(bytes.begin(), bytes.end())};
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

/// What each type is called, how many items it has at least, where it may stand (nullopt: in any
/// lane), and how it is read.
struct Shape {
  std::string_view name;
  uint64_t items;
  std::optional<Lane> lane;
  Result<Body> (*read)(CborReader& in, Bytes& extra);
};
constexpr Shape kShapes[] = {
    {"start", 3, Lane::kFacts, read_start_body},
    {"output", 3, Lane::kOutput, read_content<Output>},
    {"input", 3, Lane::kInput, read_content<Input>},
    {"resize", 6, Lane::kFacts, read_resize},
    {"redaction", 4, Lane::kInput, read_redaction},
    {"gap", 6, Lane::kFacts, read_gap},
    {"end", 3, Lane::kFacts, read_end_body},
    {"suspend", 3, Lane::kFacts, read_suspend},
    {"grant", 5, std::nullopt, read_grant},
};
static_assert(std::size(kShapes) == static_cast<size_t>(Type::kGrant));

Result<Body> read_known(const Shape& shape, Lane lane, uint64_t items, CborReader& in,
                        Bytes& extra) {
  if (shape.lane && *shape.lane != lane)
    return fail(Code::kCorrupt, "does not belong in this lane");
  if (items < shape.items) return fail(Code::kCorrupt, "too few items");
  TRY(Body body, shape.read(in, extra));
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
  if (type > std::size(kShapes)) {
    event.body = Unknown{type, Bytes(encoded.begin(), encoded.end())};
    return event;
  }
  const Shape& shape = kShapes[type - 1];
  auto body = read_known(shape, lane_, items, in, event.extra);
  if (!body) return fail(std::move(body).error().within(shape.name));
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
