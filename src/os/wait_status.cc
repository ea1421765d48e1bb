#include "os/wait_status.h"

#include <sys/wait.h>

namespace stele::os {

Ended ended_of(int status, const rusage& usage) {
  Ended ended;
  if (WIFEXITED(status)) ended.exit_status = static_cast<uint8_t>(WEXITSTATUS(status));
  if (WIFSIGNALED(status)) {
    ended.signal = static_cast<uint8_t>(WTERMSIG(status));
    ended.core_dumped = WCOREDUMP(status);
  }
  const auto micros_of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + Micros(time.tv_usec);
  };
  ended.user_time = micros_of(usage.ru_utime);
  ended.system_time = micros_of(usage.ru_stime);
  ended.rss_bytes_max = static_cast<uint64_t>(usage.ru_maxrss) * 1024;  // getrusage(2): KiB
  return ended;
}

}  // namespace stele::os
