#include "segment/leaf.h"

#include <algorithm>

#include "base/check.h"

namespace stele::segment {
namespace {

constexpr uint8_t kVersion = 1;

}  // namespace

Leaf make_leaf(const Header& header, const Hash& segment_hash, WallTime received,
               uint32_t retain_until_day) {
  return {.kind = header.kind,
          .flags = header.flags,
          .retention_class = header.retention_class,
          .stream = header.stream,
          .sequence = header.sequence,
          .segment_bytes = static_cast<uint32_t>(header.segment_bytes()),
          .segment_hash = segment_hash,
          .wall_first = header.wall_first,
          .duration_us = header.duration_us,
          .received = received,
          .host_key = header.host_key,
          .retain_until_day = retain_until_day};
}

bool agrees(const Leaf& leaf, const Header& header, const Hash& segment_hash) {
  return leaf == make_leaf(header, segment_hash, leaf.received, leaf.retain_until_day);
}

std::array<uint8_t, kLeafBytes> encode(const Leaf& leaf) {
  Bytes out;
  out.reserve(kLeafBytes);
  ByteWriter w(out);
  w.u8(kVersion);
  w.u8(static_cast<uint8_t>(leaf.kind));
  w.u8(leaf.flags);
  w.u8(leaf.retention_class);
  w.bytes(leaf.stream);
  w.u32(leaf.sequence);
  w.u32(leaf.segment_bytes);
  w.bytes(leaf.segment_hash);
  w.u64(static_cast<uint64_t>(micros(leaf.wall_first)));
  w.u32(leaf.duration_us);
  w.u64(static_cast<uint64_t>(micros(leaf.received)));
  w.bytes(leaf.host_key);
  w.u32(leaf.retain_until_day);
  CHECK(out.size() == kLeafBytes);
  std::array<uint8_t, kLeafBytes> fixed{};
  std::copy(out.begin(), out.end(), fixed.begin());
  return fixed;
}

Result<Leaf> parse_leaf(ByteSpan bytes) {
  if (bytes.size() != kLeafBytes) return fail(Code::kCorrupt, "leaf: not 92 bytes");
  ByteReader r(bytes);
  if (r.u8() != kVersion) return fail(Code::kCorrupt, "leaf: unknown version");
  Leaf leaf;
  leaf.kind = static_cast<Kind>(r.u8());
  leaf.flags = r.u8();
  leaf.retention_class = r.u8();
  leaf.stream = r.array<16>();
  leaf.sequence = r.u32();
  leaf.segment_bytes = r.u32();
  leaf.segment_hash = r.array<32>();
  leaf.wall_first = WallTime(Micros(static_cast<int64_t>(r.u64())));
  leaf.duration_us = r.u32();
  leaf.received = WallTime(Micros(static_cast<int64_t>(r.u64())));
  leaf.host_key = r.array<8>();
  leaf.retain_until_day = r.u32();
  CHECK(r.done());
  if (leaf.segment_bytes < kHeaderBytes + kSignatureBytes ||
      leaf.segment_bytes > kSegmentBytesMax) {
    return fail(Code::kCorrupt, "leaf: impossible segment size");
  }
  return leaf;
}

}  // namespace stele::segment
