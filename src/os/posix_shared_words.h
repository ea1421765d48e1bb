// SharedWords over a mapped file.
#pragma once

#include "os/file_system.h"

namespace stele::os {

/// The file holds kCount words of the machine's own byte order and then the id of the boot they
/// belong to: after a reboot the words begin at zero again, whatever of the old ones had reached
/// the disk.
Result<std::unique_ptr<SharedWords>> map_shared_words(const std::string& path);

}  // namespace stele::os
