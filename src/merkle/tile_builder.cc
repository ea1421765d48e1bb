#include "merkle/tile_builder.h"

#include "base/check.h"

namespace stele::merkle {

Result<TileBuilder> TileBuilder::restore(HashReader& reader, uint64_t size) {
  if (size > kSizeMax)
    return fail(Code::kInvalid, "no tree has " + std::to_string(size) + " leaves");
  TileBuilder builder;
  builder.size_ = size;
  for (uint64_t hashes = size; hashes != 0; hashes /= kTileWidth) builder.levels_.emplace_back();
  for (const Tile& tile : partial_tiles(size)) {
    if (tile.is_bundle()) continue;
    TRY(const auto hashes, read_tile(reader, tile));
    for (const Hash& hash : hashes) builder.add_to(builder.levels_[tile.level], hash);
  }
  TRY_VOID(builder.restore_bundle(reader));
  return builder;
}

Status TileBuilder::restore_bundle(HashReader& reader) {
  const auto width = static_cast<uint16_t>(size_ % kTileWidth);
  if (width == 0) return {};
  const Tile tile{kEntries, size_ / kTileWidth, width};
  TRY(const auto entries, read_bundle(reader, tile));
  Bytes hashes;
  for (const Bytes& entry : entries) {
    TRY_VOID(append_entry(bundle_, entry));
    ByteWriter(hashes).bytes(leaf_hash(entry));
  }
  if (hashes != levels_[0].tile) {
    return fail(Code::kCorrupt, path(tile) + ": not the entries that the tile over it says");
  }
  return {};
}

Status TileBuilder::append(ByteSpan entry) {
  CHECK(size_ < kSizeMax);
  TRY_VOID(append_entry(bundle_, entry));
  ++size_;
  add_hash(leaf_hash(entry));
  if (size_ % kTileWidth == 0) {
    full_.push_back({{kEntries, size_ / kTileWidth - 1, kTileWidth}, std::exchange(bundle_, {})});
  }
  return {};
}

void TileBuilder::add_hash(Hash hash) {
  for (uint8_t level = 0;; ++level) {
    if (level == levels_.size()) levels_.emplace_back();
    Level& at = levels_[level];
    add_to(at, hash);
    if (at.edge.size() < kTileWidth) return;
    hash = at.edge.root();
    const uint64_t index = (size_ >> (8 * level)) / kTileWidth - 1;
    full_.push_back({{level, index, kTileWidth}, std::move(at.tile)});
    at = Level();
  }
}

void TileBuilder::add_to(Level& level, const Hash& hash) {
  ByteWriter(level.tile).bytes(hash);
  level.edge.append(hash);
}

Hash TileBuilder::root() const {
  std::vector<Hash> peaks;
  for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
    const auto& own = level->edge.peaks();
    peaks.insert(peaks.end(), own.begin(), own.end());
  }
  return fold_peaks(peaks);
}

std::vector<TileFile> TileBuilder::partial() const {
  std::vector<TileFile> files;
  for (const Tile& tile : partial_tiles(size_)) {
    files.push_back({tile, tile.is_bundle() ? bundle_ : levels_[tile.level].tile});
  }
  return files;
}

}  // namespace stele::merkle
