#include "commands/kernel_object.h"

asm(".section .rodata\n"
    ".balign 16\n"
    "kKernelObject:\n"
    ".incbin \"" STELE_KERNEL_OBJECT
    "\"\n"
    "kKernelObjectEnd:\n"
    ".previous\n");
extern "C" const uint8_t kKernelObject[], kKernelObjectEnd[];

namespace stele::commands {

ByteSpan kernel_object() {
  return {kKernelObject, static_cast<size_t>(kKernelObjectEnd - kKernelObject)};
}

}  // namespace stele::commands
