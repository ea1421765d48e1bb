// The rules that make a stream's segments one chain (docs/formats/segment.md, "Rules a reader
// holds" 2 and 3). One function serves the ledger's commit, its recovery, and verification.
#pragma once

#include "segment/leaf.h"

namespace stele::segment {

/// What a stream's last segment leaves for the next one to continue.
struct Tail {
  HostKeyId owner{};
  uint32_t next_sequence = 0;
  bool closed = false;
  Hash last_hash{};
  bool operator==(const Tail&) const = default;
};

/// kConflict where `header` can not follow `tail` (nullptr: the stream has no segment yet); says
/// what was expected.
Status check_follows(const Tail* tail, const Header& header);

/// The tail after the segment of this leaf.
Tail tail_after(const Leaf& leaf);

}  // namespace stele::segment
