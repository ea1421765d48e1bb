#include "os/poller.h"

#include <sys/epoll.h>

#include <algorithm>

#include "base/check.h"
#include "os/error.h"

namespace stele::os {
namespace {

timespec as_timespec(Micros time) {
  return {time.count() / 1'000'000, time.count() % 1'000'000 * 1000};
}

}  // namespace

Result<Poller> Poller::make() {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return fail_errno("wait for", "a terminal");
  return Poller(std::move(epoll));
}

void Poller::tell(uint32_t index, const Readiness& wanted) {
  Place& place = places_[index];
  const uint32_t events =
      (wanted.want_read ? uint32_t{EPOLLIN} : 0U) | (wanted.want_write ? uint32_t{EPOLLOUT} : 0U);
  const int fd = events != 0 ? wanted.fd : -1;
  if (fd == place.fd && events == place.events) return;
  epoll_event event{};
  event.events = events;
  event.data.u32 = index;
  int operation = EPOLL_CTL_MOD;
  if (fd != place.fd) {
    if (place.fd >= 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, place.fd, nullptr);
    operation = EPOLL_CTL_ADD;
  }
  place = {fd, events, false};
  if (fd < 0) return;
  // What cannot be waited for (EPERM: a file; or it is gone) is ready: the next read or write
  // tells.
  place.always_ready = ::epoll_ctl(epoll_.get(), operation, fd, &event) != 0;
}

void Poller::wait(std::span<Readiness> set, std::optional<Micros> timeout) {
  CHECK(set.size() <= kReadinessMax);
  bool is_ready = false;
  for (size_t i = 0; i < set.size(); ++i) {
    tell(static_cast<uint32_t>(i), set[i]);
    const bool always = places_[i].always_ready;
    set[i].can_read = always && set[i].want_read;
    set[i].can_write = always && set[i].want_write;
    is_ready = is_ready || always;
  }
  if (is_ready) timeout = Micros(0);
  const timespec limit = as_timespec(timeout.value_or(Micros(0)));
  std::array<epoll_event, kReadinessMax> came;
  // Without a limit by the older call, which the thread sanitizer knows: it holds back the handler
  // of a signal that ends a call it does not know, and the signal would be missed.
  const int count = timeout
                        ? ::epoll_pwait2(epoll_.get(), came.data(), kReadinessMax, &limit, nullptr)
                        : ::epoll_wait(epoll_.get(), came.data(), kReadinessMax, -1);
  for (int i = 0; i < count; ++i) {
    constexpr uint32_t kGone = uint32_t{EPOLLERR} | uint32_t{EPOLLHUP};
    const uint32_t events = came[static_cast<size_t>(i)].events;
    Readiness& ready = set[came[static_cast<size_t>(i)].data.u32];
    ready.can_read = ready.want_read && (events & (uint32_t{EPOLLIN} | kGone)) != 0;
    ready.can_write = ready.want_write && (events & (uint32_t{EPOLLOUT} | kGone)) != 0;
  }
}

}  // namespace stele::os
