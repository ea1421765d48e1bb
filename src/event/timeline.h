// Timeline: the events of a stream's lanes in one order of time (docs/formats/event.md, "Time").
#pragma once

#include <array>
#include <deque>
#include <optional>

#include "event/event.h"

namespace stele::event {

/// An event may be this much earlier than its segment's base: typed bytes wait for a verdict.
inline constexpr Micros kLatenessMax = std::chrono::seconds(3);

/// Merges. At the same µs: facts, input, output, and `end` after all of them; within a lane as
/// added.
class Timeline {
 public:
  /// The lanes are independent; each one's events come as its segments hold them.
  void add(Event event);
  /// Takes the earliest event, if it is not after `through`. While segments are still to come, what
  /// is later than the newest one's base less kLatenessMax is not decided.
  std::optional<Event> next(BootTime through = BootTime::max());

 private:
  std::array<std::deque<Event>, kLaneCount> lanes_;
};

}  // namespace stele::event
