// Reel: what a session showed, in parts that are read when they are wanted, so that a session may
// be larger than memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "event/event.h"

namespace stele::cli {

/// What came at one time: output, or a new window size.
struct Moment {
  Micros at{0};  // from the session's start
  Bytes output;
  std::optional<event::WindowSize> size;
};

using Moments = std::vector<Moment>;

/// A command that the session executed.
struct Command {
  Micros at{0};
  std::string text;  // printable, and short
};

/// One thread.
class Reel {
 public:
  virtual ~Reel() = default;

  /// Times of a part's first moment and its last.
  struct Part {
    Micros first{0}, last{0};
  };
  /// In order of time. More may come behind them; what is here stays as it is.
  const std::vector<Part>& parts() const { return parts_; }
  /// In order of time, where somebody told of them.
  const std::vector<Command>& commands() const { return commands_; }
  /// The moments of a part, of which there is at least one. Reading them in order costs least.
  virtual Result<std::shared_ptr<const Moments>> read(size_t part) = 0;

 protected:
  std::vector<Part> parts_;
  std::vector<Command> commands_;
};

}  // namespace stele::cli
