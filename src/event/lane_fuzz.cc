// Hostile lane parts: what is read is written again as the same bytes, unless a newer writer added
// to it; and it can be exported, whatever it says.
#include <limits>

#include "base/check.h"
#include "base/fuzz.h"
#include "codec/utf8.h"
#include "event/asciicast.h"
#include "event/codec.h"
#include "event/timeline.h"

namespace {

using namespace stele;
using namespace stele::event;

constexpr BootTime kBase{Micros(1'000'000)};

Bytes written(const std::vector<Event>& events) {
  LaneEncoder encoder;
  encoder.begin(kBase);
  for (const Event& event : events) encoder.event(event.at, event.body);
  return encoder.take();
}

void export_all(const std::vector<Event>& events) {
  for (AsciicastVersion version : {AsciicastVersion::kV2, AsciicastVersion::kV3}) {
    AsciicastWriter writer(version, [](std::string_view line) {
      CHECK(line.size() > 1 && line.find('\n') == line.size() - 1 && codec::is_utf8(line));
    });
    writer.begin({}, WallTime{});
    for (const Event& event : events) {
      if (const auto* start = std::get_if<Start>(&event.body)) writer.begin(*start, WallTime{});
      writer.event(event.at.time_since_epoch(), event.body);
    }
    writer.finish();
  }
}

}  // namespace

STELE_FUZZ(event_lane, input) {
  if (input.empty()) return;
  const Lane lane = static_cast<Lane>(input[0] % kLaneCount);
  const ByteSpan part = input.subspan(1);
  const auto events = decode_lane(lane, kBase, part);
  if (!events) {
    CHECK(events.error().context.starts_with(lane_name(lane)));
    return;
  }
  bool is_plain = true;
  Timeline timeline;
  for (const Event& event : *events) {
    is_plain = is_plain && event.extra.empty();
    timeline.add(event);
  }
  const Bytes again = written(*events);
  CHECK(is_plain ? equal(again, part) : again.size() < part.size());

  // Without what was added, it is what this program would have written.
  const auto second = decode_lane(lane, kBase, again);
  CHECK(second && second->size() == events->size() && equal(written(*second), again));
  for (const Event& event : *events) CHECK(timeline.next() == event);
  CHECK(!timeline.next());
  export_all(*events);
}
