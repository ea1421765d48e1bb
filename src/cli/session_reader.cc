#include "cli/session_reader.h"

#include <algorithm>

#include "event/codec.h"
#include "event/timeline.h"

namespace stele::cli {
namespace {

using event::kLaneCount;
using event::Lane;

// Mostly enough for all that comes before the output: one read.
constexpr size_t kFrontBytes = 1024, kKeyedFrontBytes = 4096;

bool has_keys(const segment::Leaf& leaf) {
  return leaf.has(segment::kOpen) || leaf.has(segment::kRekey);
}

Error at_segment(Error error, const segment::Leaf& leaf) {
  return std::move(error).within("session " + to_string(leaf.stream) + ", segment " +
                                 std::to_string(leaf.sequence));
}

// Wall times of events: each segment anchors boot time to wall time anew, so that a step of the
// clock shows where it was.
class Anchors {
 public:
  void add(const segment::Header& header) {
    anchors_.insert_or_assign(header.boot_first, header.wall_first);
  }
  WallTime wall(BootTime at) const {
    auto after = anchors_.upper_bound(at);
    if (after != anchors_.begin()) --after;
    return after->second + (at - after->first);
  }

 private:
  std::map<BootTime, WallTime> anchors_;
};

Status decode_into(event::Timeline& timeline, const segment::View& view,
                   const segment::Opener::Opened& opened) {
  for (size_t lane = 0; lane < kLaneCount; ++lane) {
    if (!opened.lanes[lane]) continue;
    event::LaneDecoder decoder(static_cast<Lane>(lane), view.header.boot_first,
                               *opened.lanes[lane]);
    for (;;) {
      TRY(auto event, decoder.next());
      if (!event) break;
      timeline.add(*std::move(event));
    }
  }
  return {};
}

}  // namespace

SessionReader::SessionReader(const vault::Vault& vault, const ledger::Catalog& catalog,
                             std::span<const crypto::Identity> identities)
    : vault_(vault), catalog_(catalog), identities_(identities), segments_(vault) {}

Status SessionReader::load_grants() {
  if (grants_loaded_) return {};
  grants_loaded_ = true;
  for (const ledger::StreamRef& stream : catalog_.streams()) {
    if (stream.kind != segment::Kind::kGrants) continue;
    const auto take = [&](const TimedEvent& e) {
      if (const auto* grant = std::get_if<event::Grant>(&e.event.body)) {
        grants_[grant->stream].insert_or_assign({grant->sequence, e.event.lane},
                                                crypto::SecretBytes(ByteSpan(grant->key)));
      }
      return true;
    };
    TRY(const auto unreadable, read(stream, {Lane::kFacts, Lane::kOutput, Lane::kInput}, take));
  }
  return {};
}

const segment::GrantedKeys* SessionReader::granted(const StreamId& stream) const {
  const auto found = grants_.find(stream);
  return found == grants_.end() ? nullptr : &found->second;
}

Result<std::set<Lane>> SessionReader::read(const ledger::StreamRef& stream,
                                           std::initializer_list<Lane> lanes, const Take& take) {
  TRY_VOID(load_grants());
  segment::Opener opener(identities_, granted(stream.id));
  opener.only(lanes);
  std::set<Lane> unreadable;
  event::Timeline timeline;
  Anchors anchors;
  std::optional<BootTime> began;
  // Gives out what no later segment can precede; false: the taker has enough.
  const auto give = [&](BootTime through) {
    while (auto e = timeline.next(through)) {
      const BootTime at = e->at;
      if (!take({*std::move(e), anchors.wall(at), at - *began})) return false;
    }
    return true;
  };
  for (const ledger::SegmentRef& ref : stream.segments) {
    const auto where = [&](Error error) { return fail(at_segment(std::move(error), ref.leaf)); };
    TRY(const Bytes bytes, segments_.read(ref));
    auto view = segment::parse_segment(bytes);
    if (!view) return where(std::move(view).error());
    auto opened = opener.open(*view);
    if (!opened) return where(std::move(opened).error());
    for (Lane lane : lanes) {
      if (!opened->lanes[static_cast<size_t>(lane)]) unreadable.insert(lane);
    }
    if (!began) began = view->header.boot_first;
    anchors.add(view->header);
    if (!give(view->header.boot_first - event::kLatenessMax)) return unreadable;
    if (auto decoded = decode_into(timeline, *view, *opened); !decoded)
      return where(std::move(decoded).error());
  }
  give(BootTime::max());
  return unreadable;
}

Result<SessionFacts> SessionReader::facts(const ledger::StreamRef& stream) {
  SessionFacts facts;
  facts.id = stream.id;
  facts.segments = stream.segments.size();
  for (const ledger::SegmentRef& ref : stream.segments) facts.bytes += ref.leaf.segment_bytes;
  if (stream.segments.empty()) return facts;
  const segment::Leaf& last = stream.segments.back().leaf;
  facts.began = stream.segments.front().leaf.wall_first;
  facts.last = last.wall_first + Micros(last.duration_us);
  TRY_VOID(load_grants());
  segment::Opener opener(identities_, granted(stream.id));
  opener.only({Lane::kFacts});
  facts.readable = true;
  TRY_VOID(read_facts(stream.segments.front(), opener, facts));
  if (!stream.closed()) return facts;
  // The end stands in the last segment, which can be read from the last keys on.
  const auto keyed = std::find_if(stream.segments.rbegin(), stream.segments.rend(),
                                  [](const auto& ref) { return has_keys(ref.leaf); });
  const auto from = std::max(stream.segments.begin() + 1, keyed.base() - 1);
  for (auto ref = from; ref != stream.segments.end(); ++ref)
    TRY_VOID(read_facts(*ref, opener, facts));
  return facts;
}

// A segment up to the end of its facts. That they are what was sealed is for the cipher to say.
Result<Bytes> SessionReader::read_front(const ledger::SegmentRef& ref) {
  if (!volume_ || volume_name_ != ref.volume) {
    TRY(volume_, vault_.read_volume(ref.volume));
    volume_name_ = ref.volume;
  }
  const size_t all = ref.leaf.segment_bytes;
  Bytes front(std::min(all, has_keys(ref.leaf) ? kKeyedFrontBytes : kFrontBytes));
  TRY(size_t got, volume_->read_at(ref.offset, front));
  TRY(const auto header, segment::parse_header(ByteSpan(front).first(got)));
  if (got != front.size() || !segment::agrees(ref.leaf, header, ref.leaf.segment_hash))
    return fail(Code::kCorrupt, "is not what its leaf says; run stele verify");
  const size_t wanted = segment::kHeaderBytes + header.manifest_bytes +
                        header.part_bytes[static_cast<size_t>(Lane::kFacts)];
  front.resize(wanted);
  if (wanted <= got) return front;
  TRY(const size_t rest, volume_->read_at(ref.offset + got, MutableByteSpan(front).subspan(got)));
  if (got + rest != wanted) return fail(Code::kCorrupt, "is cut short; run stele verify");
  return front;
}

Status SessionReader::read_facts(const ledger::SegmentRef& ref, segment::Opener& opener,
                                 SessionFacts& facts) {
  const auto where = [&](Error error) { return fail(at_segment(std::move(error), ref.leaf)); };
  const auto front = read_front(ref);
  if (!front) return where(front.error());
  segment::View view;
  TRY(view.header, segment::parse_header(*front));
  ByteReader reader(*front);
  view.header_bytes = reader.bytes(segment::kHeaderBytes);
  view.manifest = reader.bytes(view.header.manifest_bytes);
  const size_t lane = static_cast<size_t>(Lane::kFacts);
  view.parts[lane] = reader.bytes(view.header.part_bytes[lane]);
  auto opened = opener.open(view);
  if (!opened) return where(std::move(opened).error());
  if (!opened->lanes[lane]) {
    facts.readable = false;
    return {};
  }
  event::LaneDecoder decoder(Lane::kFacts, view.header.boot_first, *opened->lanes[lane]);
  for (;;) {
    auto event = decoder.next();
    if (!event) return where(std::move(event).error());
    if (!*event) return {};
    if (auto* start = std::get_if<event::Start>(&(*event)->body)) facts.start = std::move(*start);
    if (auto* end = std::get_if<event::End>(&(*event)->body)) facts.end = std::move(*end);
  }
}

Status SessionReader::keys(const ledger::StreamRef& stream, const TakeKey& take) {
  TRY_VOID(load_grants());
  segment::Opener opener(identities_, granted(stream.id));
  for (const ledger::SegmentRef& ref : stream.segments) {
    if (!has_keys(ref.leaf)) continue;
    TRY(const Bytes bytes, segments_.read(ref));
    TRY(const segment::View view, segment::parse_segment(bytes));
    TRY(const auto opened, opener.open(view));
    for (size_t lane = 0; lane < kLaneCount; ++lane) {
      if (const auto& key = opener.keys()[lane])
        take(ref.leaf.sequence, static_cast<Lane>(lane), *key);
    }
  }
  return {};
}

}  // namespace stele::cli
