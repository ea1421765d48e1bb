// Player: a recorded session as a position in time, and the screen there.
#pragma once

#include <memory>
#include <vector>

#include "cli/reel.h"
#include "cli/session_reader.h"
#include "terminal/emulator.h"
#include "terminal/neutralise.h"

namespace stele::cli {

/// After an error it is no longer anywhere: nothing more is asked of it but its screen.
class Player {
 public:
  /// Plays these, which must outlive it and may grow.
  Player(const event::WindowSize& size, Reel& reel);

  /// When the next moment comes; nullopt: there is none.
  std::optional<Micros> next_time() const;
  /// When the last one comes.
  Micros duration() const { return reel_.parts().empty() ? Micros(0) : reel_.parts().back().last; }
  const std::vector<Command>& commands() const { return reel_.commands(); }
  /// Goes past the next moment, which there must be, and gives it until it is asked to go on.
  Result<const Moment*> advance();
  /// Goes to the screen as it was at that time: replayed from the nearest kept screen before it.
  Status seek(Micros to);

  const terminal::Screen& screen() const { return state_.emulator.screen(); }
  /// The output of the moment passed last, as a terminal can be given it: nothing in it makes one
  /// answer, copy or rename itself.
  ByteSpan harmless_output() const { return harmless_; }

 private:
  struct State {
    size_t part;  // the one to play
    Micros at;    // the time of the moment passed last
    ScreenSize size;
    terminal::Emulator emulator;
    terminal::Neutraliser neutraliser;  // an escape sequence may be cut between two moments
  };
  void keep();
  size_t kept_max() const;

  Reel& reel_;
  State state_;
  std::shared_ptr<const Moments> moments_;  // of the part in which the last one passed is
  size_t next_ = 0;                         // of the part to play; 0: it was not read yet
  Bytes harmless_;
  std::vector<State> kept_;  // at the beginnings of parts on the way, so that going back does not
                             // replay everything
  size_t bytes_since_kept_ = 0, keep_every_;
};

}  // namespace stele::cli
