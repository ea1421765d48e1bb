#include "segment/manifest.h"

#include <algorithm>

#include "base/check.h"
#include "codec/cbor.h"
#include "crypto/sha256.h"

namespace stele::segment {
namespace {

constexpr uint64_t kFormat = 1;
constexpr std::string_view kRotationContext = "stele-rotation-v1";

template <size_t N>
Status read_array(codec::CborReader& in, std::array<uint8_t, N>& out) {
  TRY(const ByteSpan bytes, in.bytes());
  if (bytes.size() != N)
    return fail(Code::kCorrupt, "manifest: not " + std::to_string(N) + " bytes");
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return {};
}

Result<uint32_t> read_number(codec::CborReader& in, uint32_t min, uint32_t max) {
  TRY(const uint64_t number, in.unsigned_integer());
  if (number < min || number > max)
    return fail(Code::kCorrupt, "manifest: a number out of its range");
  return static_cast<uint32_t>(number);
}

Result<Standing> read_standing(codec::CborReader& in) {
  TRY(const uint64_t parts, in.array());
  if (parts != 3) return fail(Code::kCorrupt, "manifest: a standing has three parts");
  Standing standing;
  TRY_VOID(read_array(in, standing.stream));
  TRY(standing.next_sequence, read_number(in, 1, UINT32_MAX));
  TRY_VOID(read_array(in, standing.last_hash));
  return standing;
}

Result<uint64_t> read_count(codec::CborReader& in, uint64_t max) {
  TRY(const uint64_t count, in.array());
  if (count == 0 || count > max)
    return fail(Code::kCorrupt, "manifest: a list has 1 to " + std::to_string(max) + " streams");
  return count;
}

Result<std::vector<Standing>> read_standings(codec::CborReader& in, uint64_t max) {
  TRY(const uint64_t count, read_count(in, max));
  std::vector<Standing> standings;
  for (uint64_t i = 0; i < count; ++i) {
    TRY(const Standing standing, read_standing(in));
    if (!standings.empty() && standings.back().stream >= standing.stream)
      return fail(Code::kCorrupt, "manifest: streams out of order");
    standings.push_back(standing);
  }
  return standings;
}

Result<std::vector<StreamId>> read_streams(codec::CborReader& in, uint64_t max) {
  TRY(const uint64_t count, read_count(in, max));
  std::vector<StreamId> streams;
  for (uint64_t i = 0; i < count; ++i) {
    StreamId stream{};
    TRY_VOID(read_array(in, stream));
    if (!streams.empty() && streams.back() >= stream)
      return fail(Code::kCorrupt, "manifest: streams out of order");
    streams.push_back(stream);
  }
  return streams;
}

Result<WallTime> read_time(codec::CborReader& in) {
  TRY(const int64_t at, in.integer());
  return WallTime(Micros(at));
}

// [id, [* stream], [] or [leaf], [] or [from, until]]
Result<Hold> read_hold(codec::CborReader& in) {
  TRY(const uint64_t parts, in.array());
  if (parts != 4) return fail(Code::kCorrupt, "manifest: a hold has four parts");
  Hold hold;
  TRY_VOID(read_array(in, hold.id));
  TRY(const uint64_t streams, in.array());
  if (streams > kHeldStreamsMax)
    return fail(Code::kCorrupt, "manifest: a hold on too many streams");
  for (uint64_t i = 0; i < streams; ++i) {
    StreamId stream{};
    TRY_VOID(read_array(in, stream));
    if (!hold.streams.empty() && hold.streams.back() >= stream)
      return fail(Code::kCorrupt, "manifest: streams out of order");
    hold.streams.push_back(stream);
  }
  TRY(const uint64_t leaves, in.array());
  if (leaves > 1) return fail(Code::kCorrupt, "manifest: a hold begins at one leaf");
  if (leaves == 1) {
    TRY(hold.from_leaf, in.unsigned_integer());
  }
  TRY(const uint64_t times, in.array());
  if (times != 0 && times != 2)
    return fail(Code::kCorrupt, "manifest: a hold's span has two times");
  if (times == 2) {
    TRY(const WallTime from, read_time(in));
    TRY(const WallTime until, read_time(in));
    if (until < from) return fail(Code::kCorrupt, "manifest: a hold's span ends before it begins");
    hold.span = {from, until};
  }
  if (hold.streams.empty() && !hold.from_leaf && !hold.span)
    return fail(Code::kCorrupt, "manifest: a hold on nothing");
  return hold;
}

Result<std::vector<Hold>> read_holds(codec::CborReader& in) {
  TRY(const uint64_t count, read_count(in, kHoldsMax));
  std::vector<Hold> holds;
  for (uint64_t i = 0; i < count; ++i) {
    TRY(Hold hold, read_hold(in));
    if (!holds.empty() && holds.back().id >= hold.id)
      return fail(Code::kCorrupt, "manifest: holds out of order");
    holds.push_back(std::move(hold));
  }
  return holds;
}

Result<std::vector<LeafRange>> read_expired(codec::CborReader& in) {
  TRY(const uint64_t count, read_count(in, kExpiredMax));
  std::vector<LeafRange> ranges;
  for (uint64_t i = 0; i < count; ++i) {
    TRY(const uint64_t parts, in.array());
    if (parts != 2) return fail(Code::kCorrupt, "manifest: a range of leaves has two ends");
    LeafRange range;
    TRY(range.first, in.unsigned_integer());
    TRY(range.next, in.unsigned_integer());
    if (range.next <= range.first || (!ranges.empty() && ranges.back().next >= range.first))
      return fail(Code::kCorrupt, "manifest: ranges of leaves out of order");
    ranges.push_back(range);
  }
  return ranges;
}

void write(codec::CborWriter& out, const Hold& hold) {
  out.array(4);
  out.bytes(hold.id);
  out.array(hold.streams.size());
  for (const StreamId& stream : hold.streams) out.bytes(stream);
  out.array(hold.from_leaf ? 1 : 0);
  if (hold.from_leaf) out.unsigned_integer(*hold.from_leaf);
  out.array(hold.span ? 2 : 0);
  if (!hold.span) return;
  out.integer(micros(hold.span->first));
  out.integer(micros(hold.span->second));
}

void write(codec::CborWriter& out, const std::vector<LeafRange>& ranges) {
  out.array(ranges.size());
  for (const LeafRange& range : ranges) {
    out.array(2);
    out.unsigned_integer(range.first);
    out.unsigned_integer(range.next);
  }
}

Result<Rotation> read_rotation(codec::CborReader& in) {
  TRY(const uint64_t parts, in.array());
  if (parts != 6) return fail(Code::kCorrupt, "manifest: a rotation has six parts");
  Rotation rotation;
  TRY_VOID(read_array(in, rotation.old_key));
  TRY(rotation.epoch, read_number(in, 2, UINT32_MAX));
  TRY_VOID(read_array(in, rotation.new_key));
  TRY(const int64_t not_before, in.integer());
  rotation.not_before = WallTime(Micros(not_before));
  TRY(rotation.parts, read_number(in, 0, kAgreedPartsMax));
  TRY_VOID(read_array(in, rotation.signature));
  return rotation;
}

void write(codec::CborWriter& out, const Standing& standing) {
  out.array(3);
  out.bytes(standing.stream);
  out.unsigned_integer(standing.next_sequence);
  out.bytes(standing.last_hash);
}

void write(codec::CborWriter& out, const std::vector<Standing>& standings) {
  out.array(standings.size());
  for (const Standing& standing : standings) write(out, standing);
}

void write(codec::CborWriter& out, const Rotation& rotation) {
  out.array(6);
  out.bytes(rotation.old_key);
  out.unsigned_integer(rotation.epoch);
  out.bytes(rotation.new_key);
  out.integer(micros(rotation.not_before));
  out.unsigned_integer(rotation.parts);
  out.bytes(rotation.signature);
}

Result<LaneKey> read_lane(codec::CborReader& in) {
  TRY(const uint64_t parts, in.array());
  if (parts != 3) return fail(Code::kCorrupt, "manifest: a lane has three parts");
  LaneKey key;
  TRY(const uint64_t lane, in.unsigned_integer());
  if (lane >= event::kLaneCount) return fail(Code::kCorrupt, "manifest: no such lane");
  key.lane = static_cast<event::Lane>(lane);
  TRY(const uint64_t count, in.array());
  if (count == 0 || count > kRecipientsMax)
    return fail(Code::kCorrupt, "manifest: 1 to 64 recipients a lane");
  for (uint64_t i = 0; i < count; ++i) {
    TRY(const ByteSpan id, in.bytes());
    if (id.size() != 8) return fail(Code::kCorrupt, "manifest: a recipient's key id has 8 bytes");
    std::copy(id.begin(), id.end(), key.recipients.emplace_back().begin());
  }
  TRY(const ByteSpan file, in.bytes());
  key.age_file.assign(file.begin(), file.end());
  return key;
}

Status expect_key(codec::CborReader& in, uint64_t wanted) {
  TRY(const uint64_t key, in.unsigned_integer());
  if (key != wanted) return fail(Code::kCorrupt, "manifest: unexpected key " + std::to_string(key));
  return {};
}

// The entries that are not always there; the map's keys are known to ascend.
Status read_more(codec::CborReader& in, uint64_t entries, Manifest& manifest) {
  for (; entries > 0; --entries) {
    TRY(const uint64_t key, in.unsigned_integer());
    if (key == 4) {
      TRY(manifest.continues, read_standing(in));
    } else if (key == 5) {
      TRY(manifest.agreed, read_standings(in, kAgreedMax));
    } else if (key == 6) {
      TRY(manifest.rotation, read_rotation(in));
    } else if (key == 7) {
      TRY(manifest.cut, read_standings(in, kMarksMax));
    } else if (key == 8) {
      TRY(manifest.heard, read_streams(in, kMarksMax));
    } else if (key == 9) {
      TRY(manifest.holds, read_holds(in));
    } else if (key == 10) {
      TRY(manifest.released, read_streams(in, kMarksMax));
    } else if (key == 11) {
      TRY(manifest.expired, read_expired(in));
    } else {
      return fail(Code::kCorrupt, "manifest: unexpected key " + std::to_string(key));
    }
  }
  return {};
}

}  // namespace

RecipientKeyId recipient_key_id(const crypto::Recipient& recipient) {
  const Hash hash = crypto::sha256(as_bytes(recipient.to_string()));
  RecipientKeyId id{};
  std::copy_n(hash.begin(), id.size(), id.begin());
  return id;
}

Bytes encode(const Manifest& manifest) {
  Bytes out;
  codec::CborWriter w(out);
  w.map(3U + (manifest.continues ? 1 : 0) + (manifest.agreed.empty() ? 0 : 1) +
        (manifest.rotation ? 1 : 0) + (manifest.cut.empty() ? 0 : 1) +
        (manifest.heard.empty() ? 0 : 1) + (manifest.holds.empty() ? 0 : 1) +
        (manifest.released.empty() ? 0 : 1) + (manifest.expired.empty() ? 0 : 1));
  w.unsigned_integer(1);
  w.unsigned_integer(kFormat);
  w.unsigned_integer(2);
  w.bytes(manifest.recipients_list);
  w.unsigned_integer(3);
  w.array(manifest.lanes.size());
  for (const LaneKey& lane : manifest.lanes) {
    w.array(3);
    w.unsigned_integer(static_cast<uint64_t>(lane.lane));
    w.array(lane.recipients.size());
    for (const RecipientKeyId& id : lane.recipients) w.bytes(id);
    w.bytes(lane.age_file);
  }
  if (manifest.continues) {
    w.unsigned_integer(4);
    write(w, *manifest.continues);
  }
  if (!manifest.agreed.empty()) {
    w.unsigned_integer(5);
    write(w, manifest.agreed);
  }
  if (manifest.rotation) {
    w.unsigned_integer(6);
    write(w, *manifest.rotation);
  }
  if (!manifest.cut.empty()) {
    w.unsigned_integer(7);
    write(w, manifest.cut);
  }
  if (!manifest.heard.empty()) {
    w.unsigned_integer(8);
    w.array(manifest.heard.size());
    for (const StreamId& stream : manifest.heard) w.bytes(stream);
  }
  if (!manifest.holds.empty()) {
    w.unsigned_integer(9);
    w.array(manifest.holds.size());
    for (const Hold& hold : manifest.holds) write(w, hold);
  }
  if (!manifest.released.empty()) {
    w.unsigned_integer(10);
    w.array(manifest.released.size());
    for (const StreamId& id : manifest.released) w.bytes(id);
  }
  if (!manifest.expired.empty()) {
    w.unsigned_integer(11);
    write(w, manifest.expired);
  }
  return out;
}

std::array<uint8_t, 17 + 32> rotation_message(const Header& header, ByteSpan manifest) {
  CHECK(manifest.size() >= kSignatureBytes);
  Bytes place;
  ByteWriter w(place);
  w.bytes(header.stream);
  w.u32(header.sequence);
  w.bytes(header.previous);
  const Hash hash = crypto::sha256({place, manifest.first(manifest.size() - kSignatureBytes)});
  std::array<uint8_t, 17 + 32> message{};
  std::copy(kRotationContext.begin(), kRotationContext.end(), message.begin());
  std::copy(hash.begin(), hash.end(), message.begin() + kRotationContext.size());
  return message;
}

Result<Manifest> parse_manifest(ByteSpan bytes) {
  if (bytes.size() > kManifestBytesMax) return fail(Code::kLimit, "manifest over 64 KiB");
  codec::CborReader in(bytes);
  TRY(const uint64_t entries, in.map());
  TRY_VOID(expect_key(in, 1));
  TRY(const uint64_t format, in.unsigned_integer());
  if (format != kFormat) {
    return fail(Code::kUnsupported,
                "manifest: format " + std::to_string(format) + " is unknown, 1 is known");
  }
  if (entries < 3 || entries > 11)
    return fail(Code::kCorrupt, "manifest: three to eleven entries expected");
  Manifest manifest;
  TRY_VOID(expect_key(in, 2));
  TRY(const ByteSpan list, in.bytes());
  if (list.size() != manifest.recipients_list.size())
    return fail(Code::kCorrupt, "manifest: not a SHA-256");
  std::copy(list.begin(), list.end(), manifest.recipients_list.begin());
  TRY_VOID(expect_key(in, 3));
  TRY(const uint64_t lanes, in.array());
  if (lanes == 0 || lanes > event::kLaneCount)
    return fail(Code::kCorrupt, "manifest: one to three lanes");
  for (uint64_t i = 0; i < lanes; ++i) {
    TRY(LaneKey key, read_lane(in));
    if (!manifest.lanes.empty() && manifest.lanes.back().lane >= key.lane) {
      return fail(Code::kCorrupt, "manifest: lanes out of order");
    }
    manifest.lanes.push_back(std::move(key));
  }
  TRY_VOID(read_more(in, entries - 3, manifest));
  if (!in.done()) return fail(Code::kCorrupt, "manifest: bytes left over");
  return manifest;
}

}  // namespace stele::segment
