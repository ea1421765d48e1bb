#include "capture/echo_matcher.h"

#include <algorithm>

namespace stele::capture {
namespace {

// Echoes come in order, so only the first entry can be next; more are looked for, should it not
// have been echoed at all, but not without end.
constexpr size_t kMissesMax = 32;

}  // namespace

void EchoMatcher::output(ByteSpan bytes, HoldQueue& queue) {
  position_ += bytes.size();
  if (!queue.first_waiting(0)) {
    tail_.clear();
    return;
  }
  tail_.insert(tail_.end(), bytes.begin(), bytes.end());
  const uint64_t base = position_ - tail_.size();
  size_t misses = 0;
  const auto was_echoed = [&](const HoldQueue::Entry& entry) {
    if (entry.field != 0 || misses == kMissesMax) return false;
    const uint64_t from = std::max({entry.output_from, used_up_to_, base}) - base;
    const auto found = std::search(tail_.begin() + static_cast<ptrdiff_t>(from), tail_.end(),
                                   entry.bytes.begin(), entry.bytes.end());
    if (found == tail_.end()) return ++misses, false;
    used_up_to_ = base + static_cast<uint64_t>(found - tail_.begin()) + entry.bytes.size();
    return true;
  };
  queue.decide(was_echoed, Verdict::kKeep);
  const size_t kept = std::min(tail_.size(), kRunMax - 1);
  tail_.erase(tail_.begin(), tail_.end() - static_cast<ptrdiff_t>(kept));
}

}  // namespace stele::capture
