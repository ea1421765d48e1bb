// Terminal modes (termios) and window sizes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace stele::os {

/// A terminal's settings, as tcgetattr(3) gives them: a value, kept without its macros.
class TerminalMode {
 public:
  /// Line by line (ICANON), as opposed to key by key.
  bool is_canonical() const;
  /// The kernel shows what is typed (ECHO).
  bool echoes() const;
  /// The character that ends the input in canonical mode (VEOF); 0: none.
  uint8_t end_of_file_key() const;
  /// The same with every kind of processing off, as cfmakeraw(3) does it.
  TerminalMode raw() const;

  bool operator==(const TerminalMode&) const = default;

 private:
  friend Result<TerminalMode> terminal_mode(int fd);
  friend Status set_terminal_mode(int fd, const TerminalMode& mode);
  alignas(8) std::array<std::byte, 64> termios_{};
};

/// Of a terminal, or, asked of a pty's master, of its slave. kUnsupported if fd is not a terminal.
Result<TerminalMode> terminal_mode(int fd);
/// Takes effect when what was written before has been sent (TCSADRAIN); drops no input.
Status set_terminal_mode(int fd, const TerminalMode& mode);

bool is_terminal(int fd);
/// Whether this process may change the terminal's mode without being stopped for it: it is in the
/// foreground, or the terminal is not its controlling one.
bool in_foreground(int fd);

struct WindowSize {
  uint16_t rows = 0, columns = 0, width_pixels = 0, height_pixels = 0;
  auto operator<=>(const WindowSize&) const = default;
};
Result<WindowSize> window_size(int fd);
/// Any size, 0 included: the kernel passes it on and sends SIGWINCH to whoever runs there.
Status set_window_size(int fd, const WindowSize& size);

}  // namespace stele::os
