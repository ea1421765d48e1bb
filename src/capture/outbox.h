// Bytes on their way to a descriptor that may not take them yet.
#pragma once

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "capture/hold_queue.h"

namespace stele::capture {

/// A queue of bytes in one piece. Its owner bounds it: bytes are added only while size() leaves
/// room.
class Outbox {
 public:
  size_t size() const { return end_ - begin_; }
  bool is_empty() const { return begin_ == end_; }
  ByteSpan rest() const { return ByteSpan(bytes_).subspan(begin_, size()); }

  /// Where up to `size` bytes may be put; they belong to the queue once commit() says so.
  MutableByteSpan room(size_t size) {
    // What was sent goes in large steps: each byte is moved once at most.
    if (begin_ >= kCompactBytes) {
      std::ranges::copy(rest(), bytes_.begin());
      end_ -= std::exchange(begin_, 0);
    }
    if (bytes_.size() < end_ + size) bytes_.resize(end_ + size);
    return MutableByteSpan(bytes_).subspan(end_, size);
  }
  void commit(size_t size) { end_ += size; }
  void add(ByteSpan bytes) {
    std::ranges::copy(bytes, room(bytes.size()).begin());
    commit(bytes.size());
  }
  void sent(size_t size) {
    begin_ += size;
    if (is_empty()) clear();
  }
  void clear() {
    wipe(MutableByteSpan(bytes_).first(end_));
    begin_ = end_ = 0;
  }

 private:
  static constexpr size_t kCompactBytes = 64 << 10;
  Bytes bytes_;
  size_t begin_ = 0, end_ = 0;
};

}  // namespace stele::capture
