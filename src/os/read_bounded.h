// Inside of os/: what is left of an open file, bounded.
#pragma once

#include <unistd.h>

#include <string>

#include "os/error.h"
#include "os/fd.h"

namespace stele::os {

/// kLimit: there is more of it than `bytes_max`. `path` is for the errors.
inline Result<std::string> read_bounded(const Fd& file, const std::string& path, size_t bytes_max) {
  std::string text(bytes_max + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got =
        retry([&] { return ::read(file.get(), text.data() + size, text.size() - size); });
    if (got < 0) return fail_errno("read", path);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > bytes_max)
    return fail(Code::kLimit, path + " is larger than " + std::to_string(bytes_max >> 10) + " KiB");
  text.resize(size);
  return text;
}

}  // namespace stele::os
