#include "logsrv/leaf_finder.h"

#include <algorithm>

#include "merkle/bundle.h"
#include "merkle/tile.h"

namespace stele::logsrv {

using merkle::kTileWidth;

LeafFinder::LeafFinder(const vault::Vault& vault, uint64_t published, size_t remembered_max)
    : vault_(vault), remembered_max_(remembered_max), forgotten_(published) {}

void LeafFinder::add(uint64_t index, const segment::Leaf& leaf) {
  const std::lock_guard lock(mutex_);
  const Key key(leaf.stream, leaf.sequence);
  remembered_.insert_or_assign(key, FoundLeaf{index, leaf});
  order_.push_back(key);
  while (order_.size() > remembered_max_) {
    const auto oldest = remembered_.find(order_.front());
    forgotten_ = oldest->second.index + 1;
    remembered_.erase(oldest);
    order_.pop_front();
  }
}

Result<std::optional<FoundLeaf>> LeafFinder::find(const StreamId& stream, uint32_t sequence) const {
  const Key key(stream, sequence);
  uint64_t forgotten = 0;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = remembered_.find(key); found != remembered_.end()) return found->second;
    forgotten = forgotten_;
  }
  const uint64_t newest = (forgotten + kTileWidth - 1) / kTileWidth;
  uint64_t published = 0;
  for (uint64_t bundles = newest; bundles > 0; --bundles) {
    uint64_t seen = 0;
    TRY(auto found, look_in_bundle(bundles - 1, key, seen));
    if (found) return found;
    if (seen == 0 && published > 0)
      return fail(Code::kIo, "bundle " + std::to_string(bundles - 1) + " is missing");
    if (seen > 0) published = std::max(published, (bundles - 1) * kTileWidth + seen);
  }
  if (published < forgotten) {
    return fail(Code::kBusy, "leaves " + std::to_string(published) + " to " +
                                 std::to_string(forgotten - 1) + " are in no bundle yet");
  }
  return std::nullopt;
}

// The newest bundle is partial, and another width with every checkpoint. `seen`: its entries; 0:
// it is not there.
Result<std::optional<FoundLeaf>> LeafFinder::look_in_bundle(uint64_t bundle, const Key& key,
                                                            uint64_t& seen) const {
  merkle::Tile tile{merkle::kEntries, bundle, kTileWidth};
  const size_t bytes_max = kTileWidth * (2 + segment::kLeafBytes);
  auto bytes = vault_.get(merkle::path(tile), bytes_max);
  while (!bytes && bytes.error().code == Code::kNotFound && tile.width > 1) {
    --tile.width;
    bytes = vault_.get(merkle::path(tile), bytes_max);
  }
  if (!bytes && bytes.error().code == Code::kNotFound) return std::nullopt;
  if (!bytes) return fail(std::move(bytes).error());
  TRY(const auto entries, merkle::parse_bundle(*bytes, tile.width));
  seen = entries.size();
  for (size_t i = 0; i < entries.size(); ++i) {
    TRY(const segment::Leaf leaf, segment::parse_leaf(entries[i]));
    if (Key(leaf.stream, leaf.sequence) == key) return FoundLeaf{bundle * kTileWidth + i, leaf};
  }
  return std::nullopt;
}

}  // namespace stele::logsrv
