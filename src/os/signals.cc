#include "os/signals.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include "base/check.h"
#include "os/error.h"

namespace stele::os {
namespace {

// What the handler may touch: lock-free atomics and write(2) (signal-safety(7)).
std::atomic<uint64_t> pending_bits{0};
std::atomic<int> wake_fd{-1};
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<int>::is_always_lock_free);
bool is_watched = false;

/// Read end and write end. Never closed: a handler may be at work on another thread for longer than
/// any watch lives.
struct WakePipe {
  int read_end = -1;
  WakePipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return;
    read_end = ends[0];
    wake_fd.store(ends[1]);
  }
};
const WakePipe& wake_pipe() {
  static const WakePipe pipe;
  return pipe;
}

void note_signal(int signal) {
  const int saved_errno = errno;
  pending_bits.fetch_or(uint64_t{1} << signal);
  // A full pipe is awake already.
  [[maybe_unused]] const ssize_t woken = ::write(wake_fd.load(), "", 1);
  errno = saved_errno;
}

}  // namespace

Result<SignalWatch> SignalWatch::make(std::initializer_list<int> signals,
                                      std::initializer_list<int> always) {
  if (wake_pipe().read_end < 0) return fail_errno("open", "a pipe");
  CHECK(!std::exchange(is_watched, true));
  SignalWatch watch;
  watch.is_ours_ = true;
  // gcc 12's thread sanitizer loses a signal that comes during a thread's first wait: this is it.
  watch.wait(std::chrono::milliseconds(0));
  watch.take();

  const auto take_over = [&](int signal, bool even_if_ignored) {
    Caught caught{signal, {}};
    ::sigaction(signal, nullptr, &caught.before);
    if (caught.before.sa_handler == SIG_IGN && !even_if_ignored) return;
    struct sigaction handling{};
    handling.sa_handler = note_signal;
    ::sigemptyset(&handling.sa_mask);
    ::sigaction(signal, &handling, nullptr);
    watch.caught_.push_back(caught);
  };
  for (int signal : signals) take_over(signal, false);
  for (int signal : always) take_over(signal, true);
  return watch;
}

SignalWatch::~SignalWatch() {
  if (!is_ours_) return;
  for (const Caught& caught : caught_) ::sigaction(caught.signal, &caught.before, nullptr);
  is_watched = false;
}

int SignalWatch::fd() const { return wake_pipe().read_end; }

void SignalWatch::wait(std::chrono::milliseconds longest) const {
  pollfd readable{fd(), POLLIN, 0};
  (void)::poll(&readable, 1, static_cast<int>(longest.count()));
}

SignalSet SignalWatch::take() {
  std::array<char, 64> wakes;
  while (::read(fd(), wakes.data(), wakes.size()) > 0) {
  }
  return SignalSet(pending_bits.exchange(0));
}

void SignalWatch::stop_self() {
  struct sigaction plain{}, handling{};
  plain.sa_handler = SIG_DFL;
  ::sigaction(SIGTSTP, &plain, &handling);
  ::raise(SIGTSTP);
  ::sigaction(SIGTSTP, &handling, nullptr);
}

void die_of(int signal) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  struct sigaction plain{};
  plain.sa_handler = SIG_DFL;
  ::sigaction(signal, &plain, nullptr);
  ::raise(signal);
}

void ignore_broken_pipes() { ::signal(SIGPIPE, SIG_IGN); }

}  // namespace stele::os
