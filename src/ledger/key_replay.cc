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

Status replay_keys(KeyEpochs& epochs, const vault::Vault& vault, const vault::Position& start,
                   uint64_t from, uint64_t to, const HostKeys& enrolled) {
  vault::RecordCursor cursor(vault, start);
  const auto hosts = [&enrolled]() -> Result<const HostKeys*> { return &enrolled; };
  const auto nowhere = [](const StreamId&) { return std::nullopt; };
  while (cursor.position().index < to) {
    TRY(const vault::Found found, cursor.look());
    if (found != vault::Found::kRecord) {
      return fail(Code::kCorrupt, vault.path(cursor.position().volume) +
                                      ": a record that was there a moment ago is not");
    }
    if (cursor.position().index >= from) TRY_VOID(take_keys(epochs, cursor, hosts, nowhere));
    cursor.advance();
  }
  return {};
}

}  // namespace stele::ledger
