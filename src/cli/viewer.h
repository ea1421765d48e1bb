// The terminal of the person who watches a session.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "cli/play_keys.h"
#include "os/pty.h"
#include "os/signals.h"
#include "os/terminal_mode.h"

namespace stele::cli {

/// Standard input and output, either of which may be no terminal. Where both are, keys come one by
/// one as long as this lives, and the terminal's mode is put back afterwards; what is on its screen
/// is the user's to put back (leave()).
class Viewer {
 public:
  static Result<Viewer> open();
  ~Viewer();
  Viewer(Viewer&&) noexcept = default;
  Viewer& operator=(Viewer&&) = delete;

  /// Whether keys can come.
  bool has_keys() const { return mode_.has_value(); }
  /// Whether standard output is a terminal.
  bool is_screen() const { return is_screen_; }
  /// Of the screen; nothing where it is not known.
  std::optional<os::WindowSize> size() const;

  /// Writes all of it, unless the viewer leaves meanwhile.
  void write(std::string_view bytes);
  /// Waits for a key, a signal, or the end of the time (none: for ever).
  void wait(std::optional<Micros> timeout);

  /// The next key, or empty.
  std::string key() { return keys_.next(); }
  /// Since it was last asked.
  bool was_resized() { return std::exchange(was_resized_, false); }
  bool wants_to_stop() { return std::exchange(wants_to_stop_, false); }
  /// What a shell calls the reason to end: 128 + a signal's number; 0: the other side is gone, or
  /// the viewer does not read; nothing: no reason.
  std::optional<int> left() const { return left_; }

  /// Waits until the terminal has answered all it was asked by what was written, as far as it
  /// answers at all. The answers are dropped.
  void settle();
  /// Puts the terminal back for others: what is written by `farewell`, then its mode. Keys typed
  /// and answers that came meanwhile are dropped.
  void leave(std::string_view farewell);
  /// Stops the process as Ctrl-Z does, terminal left as by leave(), and takes it again.
  void stop(std::string_view farewell);

 private:
  explicit Viewer(os::SignalWatch signals);
  Status enter();
  void take_signals();
  void read_keys();
  std::string read_some();

  os::SignalWatch signals_;
  std::unique_ptr<os::NonBlocking> input_, output_;
  std::optional<os::TerminalMode> mode_;  // as found
  bool is_screen_ = false, is_raw_ = false;
  PlayKeys keys_;
  bool was_resized_ = false, wants_to_stop_ = false;
  std::optional<int> left_;
};

}  // namespace stele::cli
