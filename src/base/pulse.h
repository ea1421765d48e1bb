// Pulse: how a thread shows that it makes steps, and how somebody with a clock sees that it hangs.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace stele {

/// A thread's. Any thread may look.
class Pulse {
 public:
  /// A piece of work, as long as it lives: one that is to end.
  class Step {
   public:
    explicit Step(Pulse& pulse) : pulse_(pulse) { ++pulse_.begun_; }
    ~Step() { ++pulse_.ended_; }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Pulse& pulse_;
  };

  /// The step that it is at, counted; 0: at none.
  uint64_t at() const {
    const uint64_t ended = ended_, begun = begun_;
    return begun == ended ? 0 : begun;
  }

 private:
  std::atomic<uint64_t> begun_ = 0, ended_ = 0;
};

/// One thread at a time. What it is given must outlive it.
class PulseWatch {
 public:
  PulseWatch(const Pulse& pulse, Micros longest) : pulse_(pulse), longest_(longest) {}

  /// Whether it was seen at one step for longer than that. To be called every second or so.
  bool is_stuck(BootTime now) {
    const uint64_t at = pulse_.at();
    if (at == 0 || at != seen_) since_ = now;
    seen_ = at;
    return now - since_ > longest_;
  }

 private:
  const Pulse& pulse_;
  const Micros longest_;
  uint64_t seen_ = 0;
  BootTime since_{};
};

}  // namespace stele
