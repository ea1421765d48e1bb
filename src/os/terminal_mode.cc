#include "os/terminal_mode.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cstring>
#include <type_traits>

#include "os/error.h"

namespace stele::os {
namespace {

template <typename Storage>
termios unpack(const Storage& storage) {
  static_assert(std::is_trivially_copyable_v<termios> && sizeof(termios) <= sizeof(Storage));
  termios settings;
  std::memcpy(&settings, storage.data(), sizeof settings);
  return settings;
}

template <typename Storage>
void pack(const termios& settings, Storage& storage) {
  std::memcpy(storage.data(), &settings, sizeof settings);
}

}  // namespace

bool TerminalMode::is_canonical() const { return (unpack(termios_).c_lflag & ICANON) != 0; }
bool TerminalMode::echoes() const { return (unpack(termios_).c_lflag & ECHO) != 0; }
uint8_t TerminalMode::end_of_file_key() const { return unpack(termios_).c_cc[VEOF]; }

TerminalMode TerminalMode::raw() const {
  termios settings = unpack(termios_);
  ::cfmakeraw(&settings);
  TerminalMode mode;
  pack(settings, mode.termios_);
  return mode;
}

Result<TerminalMode> terminal_mode(int fd) {
  termios settings{};
  if (::tcgetattr(fd, &settings) != 0) return fail_errno("read the mode of", "the terminal");
  TerminalMode mode;
  pack(settings, mode.termios_);
  return mode;
}

Status set_terminal_mode(int fd, const TerminalMode& mode) {
  const termios settings = unpack(mode.termios_);
  if (retry([&] { return ::tcsetattr(fd, TCSADRAIN, &settings); }) != 0) {
    return fail_errno("set the mode of", "the terminal");
  }
  return {};
}

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

bool in_foreground(int fd) {
  const pid_t foreground = ::tcgetpgrp(fd);
  return foreground < 0 || foreground == ::getpgrp();
}

Result<WindowSize> window_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) return fail_errno("read the size of", "the terminal");
  return WindowSize{size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel};
}

Status set_window_size(int fd, const WindowSize& size) {
  const winsize wanted{size.rows, size.columns, size.width_pixels, size.height_pixels};
  if (::ioctl(fd, TIOCSWINSZ, &wanted) != 0) return fail_errno("set the size of", "the terminal");
  return {};
}

}  // namespace stele::os
