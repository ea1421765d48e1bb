// What this reader saw last of each log: kept in the reader's own XDG state directory, not in the
// ledger, so that whoever rolls the ledger back does not roll this back with it.
#pragma once

#include <optional>

#include "ledger/verify.h"
#include "os/file_system.h"

namespace stele::cli {

/// $XDG_STATE_HOME/stele (or ~/.local/state/stele); empty if neither is set.
std::string memory_directory();

/// nullopt: this reader never saw the log. kCorrupt: the memory cannot be read; it is never
/// silently forgotten.
Result<std::optional<ledger::Remembered>> recall(os::FileSystem& files,
                                                 const std::string& directory,
                                                 const std::string& origin);
Status remember(os::FileSystem& files, const std::string& directory, const std::string& origin,
                const ledger::Remembered& what);

std::string encode(const ledger::Remembered& what);
Result<ledger::Remembered> parse_memory(std::string_view text);

}  // namespace stele::cli
