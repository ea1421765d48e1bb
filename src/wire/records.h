// What a server hands out of its ledger: leaves with all or the front of their segments
// (docs/formats/api.md, "Records").
#pragma once

#include <vector>

#include "segment/leaf.h"

namespace stele::wire {

inline constexpr std::string_view kRecordsType = "application/vnd.stele.records-v1";
/// An answer holds at least one record, if there is one, and no other that makes it larger.
inline constexpr size_t kRecordsBytes = size_t{4} << 20, kRecordsMax = 4096;
inline constexpr size_t kRecordsBytesMax = kRecordsBytes + segment::kSegmentBytesMax + 104;

struct Record {
  uint64_t index = 0;  // of the leaf, in the ledger
  segment::Leaf leaf;
  ByteSpan bytes;  // the segment, or its front
};

void add_record(Bytes& out, const Record& record);
/// The records as views into `body`. kCorrupt: not exactly that; kLimit: more than an answer holds.
Result<std::vector<Record>> parse_records(ByteSpan body);

/// How much of a segment its front is: header, manifest and the facts lane's part.
size_t front_bytes(const segment::Header& header);

}  // namespace stele::wire
