#include "segment/chain.h"

#include "base/hex.h"

namespace stele::segment {

Status check_follows(const Tail* tail, const Header& header) {
  if (tail == nullptr) {
    if (header.sequence == 0) return {};
    return fail(Code::kConflict, "sequence number " + std::to_string(header.sequence) +
                                     " of a stream that has no segment yet; 0 is expected");
  }
  if (tail->closed) return fail(Code::kConflict, "the stream was closed before");
  if (header.sequence != tail->next_sequence) {
    return fail(Code::kConflict, "sequence number " + std::to_string(header.sequence) + "; " +
                                     std::to_string(tail->next_sequence) + " is expected");
  }
  if (header.previous != tail->last_hash) {
    return fail(Code::kConflict, "names " + to_hex(header.previous).substr(0, 16) +
                                     "… as the segment before; it is " +
                                     to_hex(tail->last_hash).substr(0, 16) + "…");
  }
  return {};
}

Tail tail_after(const Leaf& leaf) {
  return {leaf.host_key, leaf.sequence + 1, leaf.has(kClose), leaf.segment_hash};
}

}  // namespace stele::segment
