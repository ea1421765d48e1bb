#include "event/timeline.h"

#include <utility>

namespace stele::event {
namespace {

// A new size, then the key, then its echo; nothing comes after the end.
int rank(const Event& event) {
  if (std::holds_alternative<End>(event.body)) return 3;
  switch (event.lane) {
    case Lane::kFacts:
      return 0;
    case Lane::kInput:
      return 1;
    case Lane::kOutput:
      return 2;
  }
  return 3;
}

bool is_earlier(const Event& a, const Event& b) {
  return std::pair(a.at, rank(a)) < std::pair(b.at, rank(b));
}

}  // namespace

void Timeline::add(Event event) {
  lanes_[static_cast<size_t>(event.lane)].push_back(std::move(event));
}

std::optional<Event> Timeline::next(BootTime through) {
  std::deque<Event>* first = nullptr;
  for (auto& lane : lanes_) {
    if (lane.empty() || lane.front().at > through) continue;
    if (first == nullptr || is_earlier(lane.front(), first->front())) first = &lane;
  }
  if (first == nullptr) return std::nullopt;
  Event event = std::move(first->front());
  first->pop_front();
  return event;
}

}  // namespace stele::event
