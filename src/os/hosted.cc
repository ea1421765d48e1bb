#include "os/hosted.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>

#include <charconv>
#include <cstring>
#include <memory>

#include "os/wait_status.h"

namespace stele::os {
namespace {

bool is_pty_master(int fd) {
  unsigned number = 0;
  return ::ioctl(fd, TIOCGPTN, &number) == 0;
}

}  // namespace

Ended ended_by(int wait_status) {
  rusage usage{};
  (void)::getrusage(RUSAGE_CHILDREN, &usage);  // fails for other arguments only
  return ended_of(wait_status, usage);
}

std::optional<int> find_pty_master() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  if (!folder) return std::nullopt;
  std::optional<int> found;
  while (const dirent* entry = ::readdir(folder.get())) {
    int fd = -1;
    const char* const end = entry->d_name + std::strlen(entry->d_name);
    if (std::from_chars(entry->d_name, end, fd).ptr != end) continue;
    if ((!found || fd < *found) && is_pty_master(fd)) found = fd;
  }
  return found;
}

void leave_signals_to_others() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace stele::os
