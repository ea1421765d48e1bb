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

  /// Plays these, in order of time.
  Player(const event::WindowSize& size, std::vector<Moment> moments);

  /// When the next moment comes; nullopt: there is none.
  std::optional<Micros> next_time() const;
  /// When the last one comes.
  Micros duration() const { return moments_.empty() ? Micros(0) : moments_.back().at; }
  /// Goes past the next moment, and gives it.
  const Moment& advance();
  /// What came meanwhile: goes behind the others, and is no earlier.
  void append(std::vector<Moment> moments);
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

/// A session as it is read for a player; it may still grow.
class Recording {
 public:
  /// kPermission: no identity here opens its output.
  static Result<std::unique_ptr<Recording>> open(Context& context, const std::string& session,
                                                 const std::string& identity,
                                                 const std::string& purpose);

  const event::WindowSize& size() const { return facts_.start.size; }
  /// Output and window sizes, all that is there and was not given before.
  Result<std::vector<Player::Moment>> read_on();
  /// Looks whether there is more; read_on() gives it.
  Status look_again() { return source_->look_again(id_); }
  /// Nothing more will come.
  bool is_over() const;

 private:
  Recording() = default;

  std::unique_ptr<Source> source_;
  std::vector<crypto::Identity> identities_;
  StreamId id_{};
  SessionFacts facts_;
  std::optional<SessionReader> reader_;
  std::optional<SessionReader::Pass> pass_;
  std::vector<Player::Moment> read_;
};

}  // namespace stele::cli
