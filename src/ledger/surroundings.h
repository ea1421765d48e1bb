// What lies beside the vault, held against it: the reader's memory of the log, and the recipients
// list.
#pragma once

#include "ledger/tree_check.h"
#include "ledger/verify.h"

namespace stele::ledger {

/// Whether the keys are those remembered, and the checkpoint extends the one remembered. `tree`:
/// null, or established.
std::vector<Fault> check_memory(const Remembered& old, const Trust& trust,
                                const std::optional<receipt::Checkpoint>& checkpoint,
                                const TreeCheck* tree);

/// Whether the policy key signed the recipients list, and is the one remembered. Without a list (a
/// vault alone) there is nothing to check, which `notes` then says.
std::vector<Fault> check_recipients(os::FileSystem& files, const Layout& layout,
                                    const std::optional<Remembered>& memory,
                                    std::vector<std::string>& notes);

}  // namespace stele::ledger
