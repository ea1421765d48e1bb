#include "ledger/key_replay.h"

namespace stele::ledger {

Status take_keys(KeyEpochs& epochs, vault::RecordCursor& cursor,
                 const std::function<Result<const HostKeys*>()>& enrolled,
                 const KeyEpochs::TailOf& tail_of) {
  const segment::Leaf& leaf = cursor.leaf();
  if (leaf.kind == segment::Kind::kHost) {
    Bytes bytes;
    TRY_VOID(cursor.read_segment(bytes));
    TRY(const HostKeys* hosts, enrolled());
    // What is wrong with it is a verifier's to say; it introduces nothing.
    if (const auto view = segment::parse_segment(bytes))
      epochs.take_host_segment(*hosts, view->header, view->manifest, tail_of);
  }
  epochs.took(leaf.stream, leaf.sequence, leaf.has(segment::kClose));
  return {};
}

}  // namespace stele::ledger
