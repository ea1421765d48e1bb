// What keeps a file as it is, by descriptor: the append-only and immutable flags (ioctl_iflags(2)),
// and fs-verity. `verb` and `path` are for the error.
#pragma once

#include <optional>
#include <string>

#include "os/file_system.h"

namespace stele::os {

Result<Protection> protection_of(std::string_view verb, int fd, const std::string& path);

/// These flags and no others of the two; durable when it returns. What becomes immutable gets
/// fs-verity before, where that can be had.
Status set_protection(std::string_view verb, int fd, const std::string& path,
                      Protection protection);

/// "sha256:00…"; nullopt: it has none, or the file system has none.
Result<std::optional<std::string>> verity_of(std::string_view verb, int fd,
                                             const std::string& path);

}  // namespace stele::os
