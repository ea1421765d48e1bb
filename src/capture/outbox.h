// Bytes on their way to a descriptor that may not take them yet.
#pragma once

#include "base/bytes.h"
#include "capture/hold_queue.h"

namespace stele::capture {

/// A queue of bytes in one piece. Its owner bounds it: add() only while size() leaves room.
class Outbox {
 public:
  size_t size() const { return bytes_.size() - sent_; }
  bool is_empty() const { return size() == 0; }
  ByteSpan rest() const { return ByteSpan(bytes_).subspan(sent_); }

  void add(ByteSpan bytes) {
    // What was sent goes in large steps: each byte is moved once at most.
    if (sent_ >= kCompactBytes) {
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(sent_));
      sent_ = 0;
    }
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void sent(size_t size) {
    sent_ += size;
    if (is_empty()) clear();
  }
  void clear() {
    wipe(bytes_);
    sent_ = 0;
  }

 private:
  static constexpr size_t kCompactBytes = 64 << 10;
  Bytes bytes_;
  size_t sent_ = 0;
};

}  // namespace stele::capture
