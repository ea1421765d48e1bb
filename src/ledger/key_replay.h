// What records say of hosts' keys, taken from volumes as they stand there.
#pragma once

#include "ledger/key_epochs.h"
#include "vault/vault.h"

namespace stele::ledger {

/// Takes the record that `cursor` has found.
Status take_keys(KeyEpochs& epochs, vault::RecordCursor& cursor,
                 const std::function<Result<const HostKeys*>()>& enrolled,
                 const KeyEpochs::TailOf& tail_of);

/// The records from leaf `from` to before `to`, of which `start` stands at or before the first.
/// Where streams stood then is not known: whoever asks forgets in the end what came meanwhile.
Status replay_keys(KeyEpochs& epochs, const vault::Vault& vault, const vault::Position& start,
                   uint64_t from, uint64_t to, const HostKeys& enrolled);

}  // namespace stele::ledger
