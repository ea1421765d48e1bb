// The programs for the kernel, as clang left them.
#pragma once

#include "base/bytes.h"

namespace stele::commands {

/// An ELF object for libbpf.
ByteSpan kernel_object();

}  // namespace stele::commands
