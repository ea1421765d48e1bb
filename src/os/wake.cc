#include "os/wake.h"

#include <sys/eventfd.h>

#include "os/error.h"

namespace stele::os {

Result<Wake> Wake::make() {
  Fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return fail_errno("make", "an eventfd");
  return Wake(std::move(fd));
}

// Both can only fail where there is nothing to do: it is awake already, or was not woken.
void Wake::wake() const {
  (void)retry([&] { return ::eventfd_write(fd_.get(), 1); });
}

void Wake::clear() const {
  eventfd_t count = 0;
  (void)retry([&] { return ::eventfd_read(fd_.get(), &count); });
}

}  // namespace stele::os
