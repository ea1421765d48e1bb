#include "cli/play_head.h"

#include <algorithm>

namespace stele::cli {

Micros PlayHead::at(std::optional<Micros> next, BootTime now) const {
  if (paused_) return from_;
  const auto ran = static_cast<double>((now - since_).count()) * speed_;
  const Micros at = from_ + Micros(static_cast<int64_t>(ran));
  return std::max(from_, next ? std::min(at, *next) : at);
}

// From since_ on, of the viewer's time.
Micros PlayHead::pause_until(Micros next) const {
  const auto recorded = static_cast<double>(std::max(Micros(0), next - from_).count());
  const Micros wait(static_cast<int64_t>(recorded / speed_));
  return idle_max_ ? std::min(wait, *idle_max_) : wait;
}

Micros PlayHead::wait(Micros next, BootTime now) const {
  return std::max(Micros(0), since_ + pause_until(next) - now);
}

void PlayHead::reach(Micros next, BootTime now) {
  since_ = paused_ ? now : std::min(now, since_ + pause_until(next));
  from_ = next;
}

void PlayHead::jump(Micros to, BootTime now) {
  from_ = std::max(Micros(0), to);
  since_ = now;
}

void PlayHead::pause(bool on, std::optional<Micros> next, BootTime now) {
  jump(at(next, now), now);
  paused_ = on;
}

void PlayHead::set_speed(double speed, std::optional<Micros> next, BootTime now) {
  jump(at(next, now), now);
  speed_ = speed;
}

}  // namespace stele::cli
