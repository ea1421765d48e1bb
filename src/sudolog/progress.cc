#include "sudolog/progress.h"

#include <algorithm>

namespace stele::sudolog {

void Progress::take(Nanos delay) {
  has_records_ = true;
  // A client that counts beyond all time gets no further.
  constexpr Nanos kMost{int64_t{kSecondsMax} * 1'000'000'000};
  elapsed_ = std::min(elapsed_ + delay, kMost);
}

void Progress::settle(uint64_t messages) {
  if (!has_records_) return;
  if (!pending_.empty() && pending_.back().messages == messages) pending_.pop_back();
  if (pending_.size() == kPendingMax) pending_.pop_back();  // the one after it is good for both
  pending_.push_back({messages, elapsed_});
}

std::optional<Nanos> Progress::commit(uint64_t messages) {
  std::optional<Nanos> point;
  for (; !pending_.empty() && pending_.front().messages <= messages; pending_.pop_front())
    point = pending_.front().elapsed;
  if (!point || *point <= told_) return std::nullopt;
  told_ = *point;
  return point;
}

}  // namespace stele::sudolog
