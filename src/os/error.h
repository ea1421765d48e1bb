// From errno to Error: one table for the folder.
#pragma once

#include <cerrno>
#include <string_view>

#include "base/result.h"

namespace stele::os {

/// The code a caller branches on. What has no better name is kIo.
Code code_of(int sys_errno);

/// "verb subject", e.g. "append /var/lib/stele/vault/volume/0", with the code and text of
/// sys_errno.
tl::unexpected<Error> fail_errno(std::string_view verb, std::string_view subject,
                                 int sys_errno = errno);

/// Makes a system call again for as long as a signal interrupts it.
template <typename Call>
auto retry(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

}  // namespace stele::os
