#include "segment/manifest.h"

#include <algorithm>

#include "codec/cbor.h"
#include "crypto/sha256.h"

namespace stele::segment {
namespace {

constexpr uint64_t kFormat = 1;

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
  w.map(3);
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
  return out;
}

Result<Manifest> parse_manifest(ByteSpan bytes) {
  if (bytes.size() > kManifestBytesMax) return fail(Code::kLimit, "manifest over 64 KiB");
  codec::CborReader in(bytes);
  TRY(const uint64_t entries, in.map());
  if (entries != 3) return fail(Code::kCorrupt, "manifest: three entries expected");
  TRY_VOID(expect_key(in, 1));
  TRY(const uint64_t format, in.unsigned_integer());
  if (format != kFormat)
    return fail(Code::kUnsupported, "manifest: format " + std::to_string(format));
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
  if (!in.done()) return fail(Code::kCorrupt, "manifest: bytes left over");
  return manifest;
}

}  // namespace stele::segment
