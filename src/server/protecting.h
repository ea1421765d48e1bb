// What a server sees to of its volumes beside making and closing them: that none stays without the
// protection that it could have.
#pragma once

#include <string>

#include "ledger/layout.h"
#include "os/file_system.h"
#include "vault/volume_name.h"

namespace stele::server {

/// Before anything is appended: the newest volume is append-only where that can be had, also one
/// that `stele init` made, which may not do that. What protects it then, in one word; where nothing
/// does, the journal is told why.
std::string protect_open_volume(os::FileSystem& files, const ledger::Layout& layout);

/// A volume that is closed and not immutable becomes so, where that can be had: a crash came
/// between, it was copied, or nothing could do it then.
void protect_if_closed(os::FileSystem& files, const ledger::Layout& layout,
                       const vault::VolumeName& volume);

}  // namespace stele::server
