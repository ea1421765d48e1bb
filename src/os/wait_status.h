// What the kernel says of a child that has ended. Within os/.
#pragma once

#include <sys/resource.h>

#include "os/process.h"

namespace stele::os {

/// `status`: as wait(2) gives it.
Ended ended_of(int status, const rusage& usage);

}  // namespace stele::os
