#include "os/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace stele::os {

void system_random(MutableByteSpan out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got > 0) {
      out = out.subspan(static_cast<size_t>(got));
    } else if (errno != EINTR) {
      std::fprintf(stderr, "stele: the kernel gives no randomness: getrandom: %s\n",
                   std::strerror(errno));
      std::abort();
    }
  }
}

}  // namespace stele::os
