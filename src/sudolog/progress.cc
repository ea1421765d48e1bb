#include "sudolog/progress.h"

#include <algorithm>

namespace stele::sudolog {

void Progress::take(Nanos delay) {
  has_records_ = true;
  // A client that counts beyond all time gets no further.
  constexpr Nanos kMost{int64_t{kSecondsMax} * 1'000'000'000};
  elapsed_ = std::min(elapsed_ + delay, kMost);
}

void Progress::settle(Point at) {
  at.elapsed = elapsed_;
  if (!has_records_ || elapsed_ <= told_) return;
  if (!pending_.empty() && pending_.back().point.elapsed == elapsed_) {
    pending_.back().messages = at.messages;
    return;
  }
  if (pending_.size() == kPendingMax) pending_.pop_back();  // the one after it is good for both
  pending_.push_back({at, at.messages});
}

std::optional<Point> Progress::commit(uint64_t messages) {
  std::optional<Point> point;
  for (; !pending_.empty() && pending_.front().messages <= messages; pending_.pop_front())
    point = pending_.front().point;
  if (point) told_ = point->elapsed;
  return point;
}

}  // namespace stele::sudolog
