#include "commands/kernel_object.h"

asm(".section .rodata\n"
    ".balign 16\n"
    "stele_kernel_object:\n"
    ".incbin \"" STELE_KERNEL_OBJECT
    "\"\n"
    "stele_kernel_object_end:\n"
    ".previous\n");
extern "C" const uint8_t stele_kernel_object[], stele_kernel_object_end[];

namespace stele::commands {

ByteSpan kernel_object() {
  return {stele_kernel_object, static_cast<size_t>(stele_kernel_object_end - stele_kernel_object)};
}

}  // namespace stele::commands
