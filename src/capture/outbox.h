// Bytes on their way to a descriptor that may not take them yet.
#pragma once

#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "capture/hold_queue.h"

namespace stele::capture {

/// A queue of bytes in one piece. Its owner bounds it: bytes are added only while size() leaves
/// room.
class Outbox {
 public:
  /// What may hold a password is overwritten as soon as it was sent.
  enum class Holds { kKeys, kScreen };
  explicit Outbox(Holds holds) : holds_(holds) {}

  size_t size() const { return end_ - begin_; }
  bool is_empty() const { return begin_ == end_; }
  ByteSpan rest() const { return ByteSpan(bytes_).subspan(begin_, size()); }

  /// Where up to `size` bytes may be put; they belong to the queue once commit() says so.
  MutableByteSpan room(size_t size) {
    // What was sent goes in large steps: each byte is moved once at most.
    if (begin_ >= kCompactBytes) {
      if (!is_empty()) std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
      end_ -= std::exchange(begin_, 0);
    }
    if (bytes_.size() < end_ + size) bytes_.resize(end_ + size);
    return MutableByteSpan(bytes_).subspan(end_, size);
  }
  void commit(size_t size) { end_ += size; }
  void add(ByteSpan bytes) {
    if (bytes.empty()) return;
    std::memcpy(room(bytes.size()).data(), bytes.data(), bytes.size());
    commit(bytes.size());
  }
  void sent(size_t size) {
    begin_ += size;
    if (is_empty()) clear();
  }
  void clear() {
    if (holds_ == Holds::kKeys) wipe(MutableByteSpan(bytes_).first(end_));
    begin_ = end_ = 0;
  }

 private:
  static constexpr size_t kCompactBytes = 64 << 10;
  const Holds holds_;
  Bytes bytes_;
  size_t begin_ = 0, end_ = 0;
};

}  // namespace stele::capture
