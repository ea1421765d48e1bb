#include "cli/session_reader.h"

#include <algorithm>

#include "event/codec.h"
#include "event/timeline.h"

namespace stele::cli {
namespace {

using event::kLaneCount;
using event::Lane;

bool has_keys(const segment::Leaf& leaf) {
  return leaf.has(segment::kOpen) || leaf.has(segment::kRekey);
}

Error at_segment(Error error, const segment::Leaf& leaf) {
  return std::move(error).within("session " + to_string(leaf.stream) + ", segment " +
                                 std::to_string(leaf.sequence));
}

/// What there is in a segment's front: all but the other lanes, and so no signature.
Result<segment::View> parse_front(ByteSpan front) {
  segment::View view;
  TRY(view.header, segment::parse_header(front));
  ByteReader reader(front);
  view.header_bytes = reader.bytes(segment::kHeaderBytes);
  view.manifest = reader.bytes(view.header.manifest_bytes);
  const size_t lane = static_cast<size_t>(Lane::kFacts);
  view.parts[lane] = reader.bytes(view.header.part_bytes[lane]);
  if (!reader.ok()) return fail(Code::kCorrupt, "is cut short; run stele verify");
  return view;
}

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

SessionReader::SessionReader(Source& source, std::span<const crypto::Identity> identities)
    : source_(source), identities_(identities) {}

Status SessionReader::load_grants() {
  if (grants_loaded_) return {};
  grants_loaded_ = true;
  for (const ledger::StreamRef& stream : source_.catalog().streams()) {
    if (stream.kind != segment::Kind::kGrants) continue;
    const auto take = [&](const TimedEvent& e) {
      if (const auto* grant = std::get_if<event::Grant>(&e.event.body)) {
        grants_[grant->stream].insert_or_assign({grant->sequence, e.event.lane},
                                                crypto::SecretBytes(ByteSpan(grant->key)));
      }
      return true;
    };
    auto done = read(stream, {Lane::kFacts, Lane::kOutput, Lane::kInput}, take);
    // Who gets fronts alone from a server needs the keys of the facts alone.
    if (!done && done.error().code == Code::kPermission) done = read(stream, {Lane::kFacts}, take);
    if (!done) return fail(std::move(done).error());
  }
  return {};
}

const segment::GrantedKeys* SessionReader::granted(const StreamId& stream) const {
  const auto found = grants_.find(stream);
  return found == grants_.end() ? nullptr : &found->second;
}

// Wall times of events: each segment anchors boot time to wall time anew, so that a step of the
// clock shows where it was.
void SessionReader::Pass::Anchors::add(const segment::Header& header) {
  anchors_.insert_or_assign(header.boot_first, header.wall_first);
}

WallTime SessionReader::Pass::Anchors::wall(BootTime at) const {
  auto after = anchors_.upper_bound(at);
  if (after != anchors_.begin()) --after;
  return after->second + (at - after->first);
}

SessionReader::Pass::Pass(SessionReader& reader, std::initializer_list<Lane> lanes, Take take)
    : reader_(reader), lanes_(lanes), take_(std::move(take)) {}

bool SessionReader::Pass::give(BootTime through) {
  while (auto e = timeline_.next(through)) {
    const BootTime at = e->at;
    if (!take_({*std::move(e), anchors_.wall(at), at - *began_})) return false;
  }
  return true;
}

// Gives out what no later segment can precede.
Status SessionReader::Pass::read_one(const ledger::SegmentRef& ref) {
  const bool facts_alone = lanes_ == std::vector<Lane>{Lane::kFacts};
  TRY(const Bytes bytes, facts_alone ? reader_.source_.front(ref) : reader_.source_.segment(ref));
  TRY(const auto view, facts_alone ? parse_front(bytes) : segment::parse_segment(bytes));
  TRY(const auto opened, opener_->open(view));
  for (Lane lane : lanes_) {
    if (!opened.lanes[static_cast<size_t>(lane)]) unreadable_.insert(lane);
  }
  if (!began_) began_ = view.header.boot_first;
  anchors_.add(view.header);
  enough_ = !give(view.header.boot_first - event::kLatenessMax);
  return enough_ ? Status() : decode_into(timeline_, view, opened);
}

Status SessionReader::Pass::read(const ledger::StreamRef& stream) {
  TRY_VOID(reader_.load_grants());
  opener_.emplace(reader_.identities_, reader_.granted(stream.id));
  opener_->only(lanes_);
  for (const ledger::SegmentRef& ref : stream.segments) {
    if (auto done = read_one(ref); !done)
      return fail(at_segment(std::move(done).error(), ref.leaf));
    if (enough_) return {};
  }
  if (began_) give(BootTime::max());
  return {};
}

Result<std::set<Lane>> SessionReader::read(const ledger::StreamRef& stream,
                                           std::initializer_list<Lane> lanes, const Take& take) {
  Pass pass(*this, lanes, take);
  TRY_VOID(pass.read(stream));
  return pass.unreadable();
}

SessionReader::Seeker::Seeker(SessionReader& reader, std::initializer_list<Lane> lanes)
    : reader_(reader), lanes_(lanes) {}

Status SessionReader::Seeker::open_next(const ledger::StreamRef& stream,
                                        event::Timeline* timeline) {
  TRY(const Bytes bytes, reader_.source_.segment(stream.segments[next_]));
  TRY(const auto view, segment::parse_segment(bytes));
  TRY(const auto opened, opener_->open(view));
  ++next_;
  for (Lane lane : lanes_) {
    if (!opened.lanes[static_cast<size_t>(lane)]) unreadable_.insert(lane);
  }
  if (!began_) began_ = view.header.boot_first;
  return timeline == nullptr ? Status() : decode_into(*timeline, view, opened);
}

Status SessionReader::Seeker::go_to(const ledger::StreamRef& stream, size_t segment) {
  size_t from = segment;
  while (from > 0 && !(opener_ && next_ == from) && !has_keys(stream.segments[from].leaf)) --from;
  if (!opener_ || next_ != from) {
    TRY_VOID(reader_.load_grants());
    opener_.emplace(reader_.identities_, reader_.granted(stream.id));
    opener_->only(lanes_);
    next_ = from;
  }
  while (next_ < segment) TRY_VOID(open_next(stream, nullptr));
  return {};
}

Status SessionReader::Seeker::read(const ledger::StreamRef& stream, size_t segment,
                                   const Take& take) {
  event::Timeline timeline;
  auto done = go_to(stream, segment);
  if (done) done = open_next(stream, &timeline);
  if (!done) {
    const size_t at = std::min(next_, segment);
    opener_.reset();
    return fail(at_segment(std::move(done).error(), stream.segments[at].leaf));
  }
  while (const auto e = timeline.next()) take(*e, e->at - *began_);
  return {};
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
  // What an agent says of the person stands behind what is made durable first.
  if (facts.readable && stream.segments.size() > 1)
    TRY_VOID(read_facts(stream.segments[1], opener, facts));
  if (!stream.closed()) return facts;
  // The end stands in the last segment, which can be read from the last keys on.
  const auto keyed = std::find_if(stream.segments.rbegin(), stream.segments.rend(),
                                  [](const auto& ref) { return has_keys(ref.leaf); });
  const auto unread = stream.segments.begin() + std::min<ptrdiff_t>(2, std::ssize(stream.segments));
  const auto from = std::max(unread, keyed.base() - 1);
  for (auto ref = from; ref != stream.segments.end(); ++ref)
    TRY_VOID(read_facts(*ref, opener, facts));
  return facts;
}

Status SessionReader::read_facts(const ledger::SegmentRef& ref, segment::Opener& opener,
                                 SessionFacts& facts) {
  const auto where = [&](Error error) { return fail(at_segment(std::move(error), ref.leaf)); };
  const auto front = source_.front(ref);
  if (!front) return where(front.error());
  TRY(const segment::View view, parse_front(*front));
  const size_t lane = static_cast<size_t>(Lane::kFacts);
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
    if (auto* person = std::get_if<event::Person>(&(*event)->body))
      facts.person = std::move(*person);
    if (auto* end = std::get_if<event::End>(&(*event)->body)) facts.end = std::move(*end);
  }
}

Status SessionReader::keys(const ledger::StreamRef& stream, const TakeKey& take) {
  TRY_VOID(load_grants());
  segment::Opener opener(identities_, granted(stream.id));
  for (const ledger::SegmentRef& ref : stream.segments) {
    if (!has_keys(ref.leaf)) continue;
    TRY(const Bytes bytes, source_.segment(ref));
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
