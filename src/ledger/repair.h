// Mending a head that was rolled back (DESIGN: "one command mends it after a consistency check").
#pragma once

#include "ledger/layout.h"
#include "os/file_system.h"
#include "receipt/note.h"

namespace stele::ledger {

/// Moves the head up to the published checkpoint, if the volumes hold every leaf it covers, with
/// the right segments and its very root. Returns the new size. kConflict: the head is not behind;
/// kCorrupt: the volumes do not hold what the checkpoint says.
Result<uint64_t> repair_head(os::FileSystem& files, const Layout& layout,
                             const receipt::VerifierKey& log);

}  // namespace stele::ledger
