// Making a successor log of what is left of another one (docs/formats/ledger.md, "Successor").
#pragma once

#include "ledger/predecessor.h"

namespace stele::ledger {

struct SuccessionOptions {
  Layout old;          // what was restored; it is read, and not changed
  std::string origin;  // the successor's: another one
  Bytes last;          // the newest checkpoint (signed note) that anybody has of the log before;
                       // empty: the one in `old`
};

/// Makes a ledger in `layout`, an empty directory. Needs the policy key. kExists: there is a ledger
/// already. After any other error `layout`'s directory is to be removed.
Result<Predecessor> succeed(os::FileSystem& files, const Layout& layout,
                            const SuccessionOptions& options, Clock& clock,
                            const RandomSource& random);

}  // namespace stele::ledger
