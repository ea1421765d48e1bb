// Following a successor log (docs/formats/agent-state.md, rule 7).
#pragma once

#include <functional>
#include <optional>

#include "ledger/predecessor.h"

namespace stele::agent {

/// Where somebody put the note of a successor into `directory`, and it holds for what this host
/// believes: its log is this host's from now on (log.vkey). What is in force then; nullopt: this
/// host's log is nobody's successor. One that does not hold is told, and changes nothing.
Result<std::optional<ledger::Predecessor>> follow_successor(
    os::FileSystem& files, const std::string& directory,
    const std::function<void(const std::string&)>& tell);

}  // namespace stele::agent
