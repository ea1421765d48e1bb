// For tests and benchmarks only: segments that parse but were sealed by nobody.
#pragma once

#include "crypto/sha256.h"
#include "segment/leaf.h"

namespace stele::spool {

/// The segments of one stream, as the spool sees them: the same for the same id.
class TestStream {
 public:
  explicit TestStream(uint8_t id) {
    id_.fill(0);
    id_[6] = 0x70, id_[8] = 0x80, id_[15] = id;
  }

  Bytes next(size_t payload = 100, bool close = false) {
    segment::Header h;
    h.flags =
        static_cast<uint8_t>((sequence_ == 0 ? segment::kOpen : 0) | (close ? segment::kClose : 0));
    h.stream = id_;
    h.sequence = sequence_;
    h.host_key = {1, 2, 3, 4, 5, 6, 7, 8};
    h.previous = previous_;
    h.event_count = 1;
    h.manifest_bytes = sequence_ == 0 ? 40 : 0;
    h.part_bytes[1] = static_cast<uint32_t>(payload + 40);
    Bytes bytes;
    segment::encode(h, bytes);
    for (size_t i = bytes.size(); i < h.segment_bytes(); ++i)
      bytes.push_back(static_cast<uint8_t>(i * i + 31 * sequence_ + id_[15]));
    ++sequence_;
    previous_ = crypto::sha256(bytes);
    return bytes;
  }
  /// Goes on from where the spool says that the stream stands.
  void go_on_from(const segment::Tail& tail) {
    sequence_ = tail.next_sequence;
    previous_ = tail.last_hash;
  }
  const StreamId& id() const { return id_; }
  uint32_t next_sequence() const { return sequence_; }
  const Hash& last_hash() const { return previous_; }

 private:
  StreamId id_{};
  uint32_t sequence_ = 0;
  Hash previous_{};
};

/// The leaf that an honest server makes of a segment.
inline std::array<uint8_t, segment::kLeafBytes> leaf_of(ByteSpan segment) {
  const auto view = segment::parse_segment(segment).value();
  return segment::encode(
      segment::make_leaf(view.header, crypto::sha256(segment), WallTime(Micros(1234)), 0));
}

}  // namespace stele::spool
