// Player: a recorded session as a position in time and the bytes that bring a viewer's terminal
// there.
#pragma once

#include <vector>

#include "cli/common.h"
#include "cli/session_reader.h"
#include "terminal/emulator.h"
#include "terminal/neutralise.h"

namespace stele::cli {

class Player {
 public:
  /// Reads the session's output and window sizes. kPermission: no identity here opens its output.
  static Result<Player> open(Context& context, const std::string& session,
                             const std::string& identity);

  /// When the next output comes, from the session's start; nullopt: there is no more.
  std::optional<Micros> next_time() const;
  /// Goes past it; the bytes to write. Unless `raw`, nothing in them makes a terminal answer, copy
  /// or rename itself.
  ByteSpan advance(bool raw);
  /// The bytes that show the screen as it was at that time: replayed from the nearest kept screen
  /// before it, then painted.
  ByteSpan seek(Micros to);

 private:
  struct Moment {
    Micros at{0};
    Bytes output;
    std::optional<event::WindowSize> size;
  };
  // A screen kept on the way, so that going back does not replay everything.
  struct Kept {
    size_t next;
    terminal::Emulator emulator;
  };
  explicit Player(event::WindowSize size);
  void apply(const Moment& moment);
  void keep();

  std::vector<Moment> moments_;
  size_t next_ = 0;
  terminal::Emulator emulator_;
  terminal::Neutraliser neutraliser_;
  std::vector<Kept> kept_;
  size_t bytes_since_kept_ = 0;
  Bytes out_;
};

}  // namespace stele::cli
