// A record of a spool file: a front, and the segment behind it (docs/formats/spool.md, "Front").
#pragma once

#include <array>

#include "segment/header.h"

namespace stele::spool {

inline constexpr size_t kFrontBytes = 98;
/// A front and its segment's header: what says that a record begins here, and how long it is.
inline constexpr size_t kRecordBytesMin = kFrontBytes + segment::kHeaderBytes;
inline constexpr size_t kRecordBytesMax = kFrontBytes + segment::kSegmentBytesMax;
inline constexpr std::array<uint8_t, 4> kRecordMagic = {'s', 't', 'l', 'q'};

struct Front {
  bool from_reserve = false;
  uint32_t owner = 0;
  uint64_t taken = 0;
  WallTime spooled;
  uint64_t durable = 0;  // bytes of its file that a sync had covered when it was written
  Hash segment_hash{};
  segment::Header header;  // the segment's own

  uint64_t record_bytes() const { return kFrontBytes + header.segment_bytes(); }
  bool operator==(const Front&) const = default;
};

/// The front for a segment whose first bytes are `front.header`'s.
std::array<uint8_t, kFrontBytes> encode(const Front& front, ByteSpan segment);
/// Of at least kRecordBytesMin bytes. kCorrupt: no record begins here; kUnsupported: one of a later
/// version.
Result<Front> parse_front(ByteSpan bytes);

}  // namespace stele::spool
