#include "spool/spool.h"

#include <algorithm>

#include "base/check.h"
#include "crypto/sha256.h"

namespace stele::spool {
namespace {

Status check_follows(const StreamId& id, const Stream* stream, const segment::Header& header) {
  const Progress at = stream != nullptr ? stream->progress() : Progress();
  const bool is_new = at.tail.next_sequence == 0;
  if (auto follows = segment::check_follows(is_new ? nullptr : &at.tail, header); !follows)
    return fail(std::move(follows).error().within("stream " + to_string(id)));
  return {};
}

Status check_claims(const StreamId& id, const Stream& stream, uint64_t taken, uint32_t owner) {
  if (stream.aside_taken)
    return fail(Code::kConflict, "stream " + to_string(id) + " was set aside; open another");
  if (stream.owner != owner)
    return fail(Code::kInvalid, "stream " + to_string(id) + " is of uid " +
                                    std::to_string(stream.owner) + ", not of " +
                                    std::to_string(owner));
  if (taken < stream.progress().taken)
    return fail(Code::kInvalid,
                "stream " + to_string(id) + ": fewer messages taken than in the segment before");
  return {};
}

}  // namespace

Spool::Spool(os::FileSystem& files, const std::string& directory, Clock& clock,
             const SpoolOptions& options)
    : files_(files),
      layout_{directory},
      clock_(clock),
      options_(options),
      account_(options.quota),
      records_(files, layout_, options.file_bytes_max),
      aside_(files, layout_),
      ballast_(files, layout_.ballast(), options.quota.reserve_bytes) {}

Result<std::unique_ptr<Spool>> Spool::open(os::FileSystem& files, const std::string& directory,
                                           Clock& clock, const SpoolOptions& options) {
  std::unique_ptr<Spool> spool(new Spool(files, directory, clock, options));
  TRY_VOID(spool->recover());
  return spool;
}

Status Spool::check_usable() const {
  if (!broken_) return {};
  return fail(Code::kIo, "the spool stopped after an earlier error; open it anew");
}

tl::unexpected<Error> Spool::broken(Error error) {
  broken_ = true;
  return fail(std::move(error));
}

Status Spool::append(ByteSpan segment, uint64_t taken, uint32_t owner, Room room) {
  TRY_VOID(check_usable());
  TRY(const segment::View view, segment::parse_segment(segment));
  const segment::Header& header = view.header;
  const StreamId& id = header.stream;
  if (streams_.is_finished(id))
    return fail(Code::kConflict, "stream " + to_string(id) + " was closed or given up");
  Stream* stream = streams_.find(id);
  if (stream != nullptr) TRY_VOID(check_claims(id, *stream, taken, owner));
  TRY_VOID(check_follows(id, stream, header));

  const Front front{.from_reserve = room == Room::kReserve,
                    .owner = owner,
                    .taken = taken,
                    .spooled = clock_.wall(),
                    .segment_hash = crypto::sha256(segment),
                    .header = header};
  TRY_VOID(account_.check(charge_of(front)));
  TRY(const Place place, write(front, segment));
  account_.take(charge_of(front));
  if (stream == nullptr) stream = &streams_.add(id, owner);
  streams_.push(id, *stream,
                {.place = place,
                 .hash = front.segment_hash,
                 .host_key = header.host_key,
                 .taken = taken,
                 .spooled = front.spooled,
                 .closes = header.has(segment::kClose),
                 .from_reserve = front.from_reserve,
                 .kind = header.kind,
                 .retention_class = header.retention_class});
  return {};
}

Result<Place> Spool::write(const Front& front, ByteSpan segment) {
  auto place = records_.append(front, segment);
  const auto is_full = [&] { return !place && place.error().code == Code::kNoSpace; };
  if (is_full() && front.from_reserve && ballast_.release())
    place = records_.append(front, segment);
  if (!place && !is_full()) return broken(std::move(place).error());
  return place;
}

Status Spool::sync() {
  TRY_VOID(check_usable());
  if (auto synced = records_.sync(); !synced) return broken(std::move(synced).error());
  streams_.synced();
  return {};
}

StreamState Spool::state_of(const StreamId& id, const Stream& stream) const {
  const Progress at = stream.durable_progress();
  return {
      .stream = id,
      .owner = stream.owner,
      .tail = at.tail,
      .taken = stream.aside_taken.value_or(at.taken),
      .waiting = stream.segments.size(),
      .acknowledged = stream.sequence_of(stream.accepted),
      .retention_class = at.retention_class,
      .set_aside = stream.aside_taken.has_value(),
      .kind = stream.segments.empty() ? std::nullopt : std::optional(stream.segments.back().kind)};
}

std::vector<StreamState> Spool::streams() const {
  std::vector<StreamState> out;
  out.reserve(streams_.all().size());
  for (const auto& [id, stream] : streams_.all()) out.push_back(state_of(id, stream));
  return out;
}

std::optional<StreamState> Spool::find(const StreamId& id) const {
  const Stream* stream = streams_.find(id);
  if (stream == nullptr) return std::nullopt;
  return state_of(id, *stream);
}

Depth Spool::depth() const {
  Depth depth{.charged_bytes = account_.total(),
              .ordinary_bytes_left = account_.ordinary_left(),
              .disk_bytes = records_.disk_bytes()};
  for (const auto& [id, stream] : streams_.all()) {
    depth.segments += stream.segments.size();
    depth.bytes += stream.waiting_bytes;
    depth.unshipped += stream.segments.size() - stream.accepted;
    if (stream.accepted == stream.segments.size()) continue;
    const WallTime oldest = stream.segments[stream.accepted].spooled;
    depth.oldest_unshipped = std::min(depth.oldest_unshipped.value_or(oldest), oldest);
  }
  for (const auto& [index, one] : acknowledged_)
    depth.oldest_acknowledged = std::min(depth.oldest_acknowledged.value_or(one.since), one.since);
  return depth;
}

std::vector<Finding> Spool::take_findings() { return std::exchange(findings_, {}); }

}  // namespace stele::spool
