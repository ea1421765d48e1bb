// What a session showed and a small screen has not followed yet.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/bytes.h"

namespace stele::capture {

/// Following a screen costs more than relaying does: it is put off until somebody asks what stands
/// there, and of a flood only the end is followed.
class UnseenOutput {
 public:
  /// How much is kept: a large screen, drawn anew.
  static constexpr size_t kBytesMax = 64 << 10;

  void add(ByteSpan bytes) {
    if (bytes.size() >= kBytesMax) {
      bytes_.clear();
      bytes = bytes.last(kBytesMax);
    }
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  /// Some times the limit before it is cut, so that a flood is seldom moved.
  void bound() {
    if (bytes_.size() >= 4 * kBytesMax) bytes_.erase(bytes_.begin(), bytes_.end() - kBytesMax);
  }

  /// Gives all of it to `follow`, up to the next control character and at most kStepBytes at a
  /// time: so that an echo is seen before what comes after it wipes it out.
  template <typename Follow>
  void take(const Follow& follow) {
    for (ByteSpan rest = bytes_; !rest.empty();) {
      const auto is_control = [](uint8_t byte) { return byte < 0x20; };
      const auto limit = rest.begin() + static_cast<ptrdiff_t>(std::min(rest.size(), kStepBytes));
      const auto size =
          static_cast<size_t>(std::find_if(rest.begin() + 1, limit, is_control) - rest.begin());
      follow(rest.first(size));
      rest = rest.subspan(size);
    }
    bytes_.clear();
  }

 private:
  static constexpr size_t kStepBytes = 16;

  Bytes bytes_;
};

}  // namespace stele::capture
