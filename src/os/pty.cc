#include "os/pty.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/check.h"
#include "os/error.h"

namespace stele::os {
namespace {

/// By the master where the kernel can (4.13): a path may lead elsewhere in another mount namespace.
Fd open_slave(int master, const std::string& name) {
  const int peer = ::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  return Fd(peer >= 0 ? peer : ::open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
}

Transfer outcome(ssize_t result) {
  if (result < 0) return {0, errno};
  return {static_cast<size_t>(result), 0};
}

}  // namespace

Result<Pty> open_pty(const std::optional<TerminalMode>& mode, const WindowSize& size) {
  Pty pty;
  pty.master.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!pty.master) return fail_errno("open", "a pseudo-terminal");
  std::array<char, 64> name{};
  if (::grantpt(pty.master.get()) != 0 || ::unlockpt(pty.master.get()) != 0 ||
      ::ptsname_r(pty.master.get(), name.data(), name.size()) != 0) {
    return fail_errno("unlock", "a pseudo-terminal");
  }
  pty.name = name.data();
  pty.slave = open_slave(pty.master.get(), pty.name);
  if (!pty.slave) return fail_errno("open", pty.name);
  if (mode) TRY_VOID(set_terminal_mode(pty.slave.get(), *mode));
  TRY_VOID(set_window_size(pty.master.get(), size));
  return pty;
}

Status signal_foreground(int master, int signal) {
  if (::ioctl(master, TIOCSIG, signal) != 0) return fail_errno("signal", "the terminal's programs");
  return {};
}

bool has_unread_input(int slave) {
  pollfd watched{slave, POLLIN, 0};
  return ::poll(&watched, 1, 0) > 0 && (watched.revents & POLLIN) != 0;
}

bool Transfer::is_blocked() const {
  return sys_errno == EAGAIN || sys_errno == EWOULDBLOCK || sys_errno == EINTR;
}

Transfer read_some(int fd, MutableByteSpan out) {
  return outcome(::read(fd, out.data(), out.size()));
}

Transfer write_some(int fd, ByteSpan bytes) {
  return outcome(::write(fd, bytes.data(), bytes.size()));
}

NonBlocking::NonBlocking(int fd) : fd_(fd) {
  struct stat status{};
  if (fd < 0 || ::fstat(fd, &status) != 0) return;
  const bool may_block = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || is_terminal(fd);
  const int flags = ::fcntl(fd, F_GETFL);
  if (!may_block || flags < 0 || (flags & O_NONBLOCK) != 0) return;
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  own_.reset(::open(path.c_str(), (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!own_) flag_is_ours_ = ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

NonBlocking::~NonBlocking() {
  if (!flag_is_ours_) return;
  const int flags = ::fcntl(fd_, F_GETFL);
  if (flags >= 0) ::fcntl(fd_, F_SETFL, flags & ~O_NONBLOCK);
}

bool is_open(int fd) { return fd >= 0 && ::fcntl(fd, F_GETFD) >= 0; }

void wait_until_ready(std::span<Readiness> set, std::optional<Micros> timeout) {
  CHECK(set.size() <= kReadinessMax);
  std::array<pollfd, kReadinessMax> watched;
  for (size_t i = 0; i < set.size(); ++i) {
    const bool any = set[i].want_read || set[i].want_write;
    const int events = (set[i].want_read ? POLLIN : 0) | (set[i].want_write ? POLLOUT : 0);
    watched[i] = {any ? set[i].fd : -1, static_cast<short>(events), 0};
    set[i].can_read = set[i].can_write = false;
  }
  const timespec limit =
      timeout ? timespec{timeout->count() / 1'000'000, timeout->count() % 1'000'000 * 1000}
              : timespec{};
  if (::ppoll(watched.data(), set.size(), timeout ? &limit : nullptr, nullptr) <= 0) return;
  for (size_t i = 0; i < set.size(); ++i) {
    constexpr int kGone = POLLERR | POLLHUP | POLLNVAL;
    set[i].can_read = set[i].want_read && (watched[i].revents & (POLLIN | kGone)) != 0;
    set[i].can_write = set[i].want_write && (watched[i].revents & (POLLOUT | kGone)) != 0;
  }
}

}  // namespace stele::os
