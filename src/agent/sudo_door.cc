#include "agent/sudo_door.h"

namespace stele::agent {

Result<SudoDoor::Enter> RootsDoor::knock(os::StreamSocket socket) {
  TRY(const uint32_t owner, os::owner_of_other_end(socket.get()));
  if (owner != 0)
    return fail(Code::kPermission, "it is of uid " + std::to_string(owner) + ", and not root's");
  return [socket = std::make_shared<os::StreamSocket>(std::move(socket))](
             const os::Wake&) -> Result<Guest> {
    return Guest{std::make_unique<os::StreamSocket>(std::move(*socket)), {}, nullptr};
  };
}

}  // namespace stele::agent
