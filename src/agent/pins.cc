#include "agent/pins.h"

#include "base/hex.h"
#include "commands/kernel_object.h"
#include "crypto/sha256.h"

namespace stele::agent {
namespace {

/// The beginning of its hash.
std::string name_of(ByteSpan bytes) {
  constexpr size_t kNameBytes = 8;
  return to_hex(ByteSpan(crypto::sha256(bytes)).first(kNameBytes));
}

}  // namespace

Result<commands::Pins> open_pins(const Config& config) {
  if (config.pins.empty()) return fail(Code::kNotFound, "none are wanted");
  return commands::Pins::open(config.pins + "/stele-" + name_of(as_bytes(config.directory)),
                              name_of(commands::kernel_object()));
}

}  // namespace stele::agent
