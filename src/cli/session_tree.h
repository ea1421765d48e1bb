// Sessions within sessions: what one was started in, and what was started in it.
#pragma once

#include "cli/session_reader.h"

namespace stele::cli {

/// Prints what the ledger has of the session's ancestors, and, if `is_local`, of its children:
/// those of a server would all have to be asked for.
void print_tree(Source& source, SessionReader& reader, const SessionFacts& facts, bool is_local);

}  // namespace stele::cli
