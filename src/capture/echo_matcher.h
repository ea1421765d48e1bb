// Did the kernel show what was typed? The only proof that a canonical terminal's ECHO was on when
// it mattered: termios tells what was so before and after, never during.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "capture/hold_queue.h"

namespace stele::capture {

/// Finds the waiting entries of no field (Entry::field 0) in the session's output, in order, and
/// decides that they may be kept. An entry's echo is its bytes, whole, shown after it was sent.
class EchoMatcher {
 public:
  /// The longest entry it can find.
  static constexpr size_t kRunMax = 32;

  /// Where in the output the next byte will stand: Entry::output_from of what is sent now.
  uint64_t position() const { return position_; }
  void output(ByteSpan bytes, HoldQueue& queue);

 private:
  uint64_t position_ = 0;
  uint64_t used_up_to_ = 0;  // output before this was somebody's echo already
  Bytes tail_;               // the end of the output, where an echo may have begun
};

}  // namespace stele::capture
