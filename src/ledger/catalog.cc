#include "ledger/catalog.h"

#include "crypto/sha256.h"

namespace stele::ledger {

Result<Catalog> Catalog::read(const vault::Vault& vault) {
  Catalog catalog;
  TRY(const auto volumes, vault.volumes());
  if (volumes.empty()) return catalog;
  vault::RecordCursor cursor(vault, {volumes.front(), 0, volumes.front().first_index});
  for (;;) {
    TRY(const vault::Found found, cursor.look());
    if (found != vault::Found::kRecord) return catalog;
    catalog.add({cursor.position().index, cursor.position().volume, cursor.segment_offset(),
                 cursor.leaf()});
    cursor.advance();
  }
}

void Catalog::add(const SegmentRef& ref) {
  const auto [at, fresh] = index_.try_emplace(ref.leaf.stream, streams_.size());
  if (fresh) streams_.push_back({ref.leaf.stream, ref.leaf.kind, {}});
  streams_[at->second].segments.push_back(ref);
}

const StreamRef* Catalog::find(const StreamId& id) const {
  const auto found = index_.find(id);
  return found == index_.end() ? nullptr : &streams_[found->second];
}

Result<Bytes> SegmentReader::read(const SegmentRef& ref) {
  if (!file_ || volume_ != ref.volume) {
    TRY(file_, vault_.read_volume(ref.volume));
    volume_ = ref.volume;
  }
  Bytes bytes(ref.leaf.segment_bytes);
  TRY(const size_t got, file_->read_at(ref.offset, bytes));
  if (got != bytes.size() || crypto::sha256(bytes) != ref.leaf.segment_hash) {
    return fail(Code::kCorrupt, "segment " + std::to_string(ref.leaf.sequence) + " of session " +
                                    to_string(ref.leaf.stream) + " (" + vault_.path(ref.volume) +
                                    ", offset " + std::to_string(ref.offset) +
                                    ") is not what its leaf commits to; run stele verify");
  }
  return bytes;
}

}  // namespace stele::ledger
