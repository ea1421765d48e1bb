#include "ledger/catalog.h"

#include <algorithm>

#include "crypto/sha256.h"

namespace stele::ledger {

bool StreamRef::is_gone() const {
  return std::any_of(segments.begin(), segments.end(),
                     [](const auto& ref) { return ref.where == LeafWalk::Where::kGone; });
}

Result<Catalog> Catalog::read(const vault::Vault& vault) {
  Catalog catalog;
  LeafWalk walk(vault);
  for (;;) {
    TRY(const auto found, walk.next());
    if (!found) return catalog;
    catalog.add({found->index, found->volume, found->offset, found->leaf, found->where});
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
  if (ref.where == LeafWalk::Where::kGone) {
    return fail(Code::kNotFound, "segment " + std::to_string(ref.leaf.sequence) + " of session " +
                                     to_string(ref.leaf.stream) +
                                     " is not there any more; stele verify tells why");
  }
  if (!file_ || volume_ != ref.volume || where_ != ref.where) {
    const bool is_kept = ref.where == LeafWalk::Where::kKept;
    TRY(file_, is_kept ? vault_.read_kept(ref.volume) : vault_.read_volume(ref.volume));
    volume_ = ref.volume;
    where_ = ref.where;
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
