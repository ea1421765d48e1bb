// Making a ledger: keys, recipients list, vault and head in one step (`stele init`).
#pragma once

#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "ledger/layout.h"
#include "ledger/recipients_list.h"
#include "os/file_system.h"

namespace stele::ledger {

struct SetupOptions {
  std::string origin;  // the log's name: no space, no '+', ≤ 255 bytes
  std::vector<crypto::Recipient>
      auditors;  // none: a new identity is made and written to auditor.age
  std::vector<crypto::Recipient> recovery;  // may be none; the caller says so loudly
};

struct SetupReport {
  std::vector<crypto::Recipient> auditors;
  bool made_identity = false;
};

/// kExists: there is a ledger (or part of one) already; it is left as it is.
Result<SetupReport> set_up(os::FileSystem& files, const Layout& layout, const SetupOptions& options,
                           Clock& clock, const RandomSource& random);

/// kPermission: the ledger is another user's, who could not read what this process leaves there.
Status check_owner(const Layout& layout);

/// kUnsupported: the directory's vault is in an object store, and only its server reads that.
Status check_not_shared(os::FileSystem& files, const Layout& layout);

/// "stele/<host>/<8 hex digits>": a name for a log that nobody else has.
std::string make_origin(std::string_view host, const RandomSource& random);

}  // namespace stele::ledger
