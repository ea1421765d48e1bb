// How a session's screen gets onto a viewer's terminal.
#pragma once

#include <string>

#include "cli/player.h"
#include "cli/viewer.h"
#include "terminal/window.h"

namespace stele::cli {

/// Where the viewer's terminal has the session's size, or is none, it gets the session's own bytes
/// (neutralised unless `raw`), so that it shows, scrolls back and copies as the person's did.
/// Otherwise lines would break and scroll in other places: then it gets our emulator's screen,
/// drawn anew whenever it has changed, or the part of it around the cursor.
class Projector {
 public:
  Projector(Viewer& viewer, bool raw) : viewer_(viewer), raw_(raw) {}

  /// What is on the viewer's terminal scrolls away, and the session's screen appears.
  void begin(const Player& player);
  /// The player has passed this moment.
  void show(const Player& player, const Moment& moment);
  /// The player has jumped, or the viewer's terminal is not as it was left.
  void show_anew(const Player& player);
  /// Draws what show() left to draw. `status` is shown below the session's screen, where there is
  /// room for it.
  void flush(const Player& player, const std::string& status);
  /// A line to type in: below the session's screen, or over its last row until show_anew().
  void ask(const Player& player, const std::string& text);
  /// What puts the terminal back in order, with the session's last screen on it.
  std::string farewell(const Player& player) const;

 private:
  bool passes(const Player& player) const;
  std::string status_line(const Player& player, const std::string& text, bool or_last) const;

  Viewer& viewer_;
  const bool raw_;
  terminal::Window window_{24, 80};
  bool passing_ = true, changed_ = false;
  std::string status_;
};

}  // namespace stele::cli
