#include "os/thread.h"

#include <system_error>

namespace stele::os {

Result<std::thread> start_thread(std::function<void()> work) {
  try {
    return std::thread(std::move(work));
  } catch (const std::system_error& error) {
    return fail(Code::kBusy, "no more threads", error.code().value());
  }
}

}  // namespace stele::os
