// Player: a recorded session as a position in time, and the screen there.
#pragma once

#include <vector>

#include "cli/common.h"
#include "cli/session_reader.h"
#include "terminal/emulator.h"
#include "terminal/neutralise.h"

namespace stele::cli {

class Player {
 public:
  /// What came at one time: output, or a new window size.
  struct Moment {
    Micros at{0};  // from the session's start
    Bytes output;
    std::optional<event::WindowSize> size;
  };

  /// Reads the session's output and window sizes, all into memory. kPermission: no identity here
  /// opens its output.
  static Result<Player> open(Context& context, const std::string& session,
                             const std::string& identity);
  /// Plays these, in order of time.
  Player(const event::WindowSize& size, std::vector<Moment> moments);

  /// When the next moment comes; nullopt: there is none.
  std::optional<Micros> next_time() const;
  /// When the last one comes.
  Micros duration() const { return moments_.empty() ? Micros(0) : moments_.back().at; }
  /// Goes past the next moment, and gives it.
  const Moment& advance();
  /// Goes to the screen as it was at that time: replayed from the nearest kept screen before it.
  void seek(Micros to);

  const terminal::Screen& screen() const { return state_.emulator.screen(); }
  /// The output of the moment passed last, as a terminal can be given it: nothing in it makes one
  /// answer, copy or rename itself.
  ByteSpan harmless_output() const { return harmless_; }

 private:
  struct State {
    size_t next;  // moment
    ScreenSize size;
    terminal::Emulator emulator;
    terminal::Neutraliser neutraliser;  // an escape sequence may be cut between two moments
  };
  void keep();
  size_t kept_max() const;

  std::vector<Moment> moments_;
  State state_;
  Bytes harmless_;
  std::vector<State> kept_;  // on the way, so that going back does not replay everything
  size_t bytes_since_kept_ = 0, keep_every_;
};

}  // namespace stele::cli
