// What stands in the record for one run of a pipe's bytes, piece by piece.
#pragma once

#include <utility>
#include <vector>

#include "event/event.h"
#include "transfer/content.h"

namespace stele::transfer {

class Pieces {
 public:
  /// Until the next call, keep() and elide() speak of this pipe.
  void begin(event::Piped::Pipe pipe) { pipe_ = pipe; }
  /// As they are; with those kept right before, one piece.
  void keep(ByteSpan bytes);
  /// So many bytes by their digest: one piece.
  void elide(const Digest& digest);
  void say(event::Transfer transfer);
  std::vector<event::Body> take() { return std::exchange(bodies_, {}); }

 private:
  event::Piped::Pipe pipe_ = event::Piped::Pipe::kInput;
  std::vector<event::Body> bodies_;
};

}  // namespace stele::transfer
