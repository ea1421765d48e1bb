// What records say of hosts' keys, taken from volumes as they stand there.
#pragma once

#include "ledger/key_epochs.h"
#include "vault/vault.h"

namespace stele::ledger {

/// Takes the record that `cursor` has found.
Status take_keys(KeyEpochs& epochs, vault::RecordCursor& cursor,
                 const std::function<Result<const HostKeys*>()>& enrolled,
                 const KeyEpochs::TailOf& tail_of);

}  // namespace stele::ledger
