// Where in a session its viewer is.
#pragma once

#include <optional>

#include "base/clock.h"

namespace stele::cli {

/// A position that runs with the viewer's clock, faster or slower, and can stand still. It never
/// passes output that was not shown: whoever shows it says so (reach()).
class PlayHead {
 public:
  /// `idle_max`: the longest wait of the viewer between two outputs. Begins at the session's start.
  PlayHead(double speed, std::optional<Micros> idle_max, BootTime now)
      : speed_(speed), idle_max_(idle_max), since_(now) {}

  /// The position, `next` being the next output's, if there is one.
  Micros at(std::optional<Micros> next, BootTime now) const;
  /// How long until the output at `next` is due; 0: now. Not for a head that stands still.
  Micros wait(Micros next, BootTime now) const;
  /// The output at `next` has been shown, late or in time: the next wait counts from when it was
  /// due.
  void reach(Micros next, BootTime now);

  void jump(Micros to, BootTime now);
  void pause(bool on, std::optional<Micros> next, BootTime now);
  void set_speed(double speed, std::optional<Micros> next, BootTime now);
  bool paused() const { return paused_; }
  double speed() const { return speed_; }

 private:
  Micros pause_until(Micros next) const;

  double speed_;
  std::optional<Micros> idle_max_;
  Micros from_{0};  // the position at since_
  BootTime since_;
  bool paused_ = false;
};

}  // namespace stele::cli
