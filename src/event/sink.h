// Where a capture hands its events. One caller thread.
#pragma once

#include "event/event.h"

namespace stele::event {

class Sink {
 public:
  virtual ~Sink() = default;
  /// Each takes the event before the caller passes the bytes on; it may block (back-pressure) and
  /// never drops. An error means: this can not be recorded; the caller ends the session.
  virtual Status output(BootTime at, ByteSpan bytes) = 0;
  virtual Status input(BootTime at, ByteSpan bytes) = 0;
  virtual Status event(BootTime at, Lane lane, const Body& body) = 0;
  /// Called after the bytes were passed on: a good moment for housekeeping that must not delay a
  /// keystroke.
  virtual void passed_on() = 0;
};

}  // namespace stele::event
