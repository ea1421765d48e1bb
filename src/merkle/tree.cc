#include "merkle/tree.h"

#include <algorithm>
#include <bit>
#include <map>

#include "merkle/bundle.h"
#include "merkle/frontier.h"

namespace stele::merkle {
namespace {

/// A tree of one size; keeps the tiles it has read.
class TiledTree {
 public:
  TiledTree(HashReader& reader, uint64_t size) : reader_(reader), size_(size) {}

  /// Root over the leaves from `begin` to `end`, where `begin` is a multiple of the power of two ≥
  /// end − begin.
  Result<Hash> root(uint64_t begin, uint64_t end) {
    std::vector<Hash> peaks;
    while (begin < end) {
      const uint64_t leaves = std::bit_floor(end - begin);
      TRY(const Hash peak, perfect(std::countr_zero(leaves), begin / leaves));
      peaks.push_back(peak);
      begin += leaves;
    }
    return fold_peaks(peaks);
  }

 private:
  /// Root of the `index`th subtree of 2^height leaves.
  Result<Hash> perfect(int height, uint64_t index) {
    const auto level = static_cast<uint8_t>(height / 8);
    const int height_in_tile = height % 8;
    const uint64_t first = index << height_in_tile;  // among the level's hashes
    TRY(const std::vector<Hash>* tile, tile_at(level, first / kTileWidth));
    auto begin = tile->begin() + static_cast<ptrdiff_t>(first % kTileWidth);
    Frontier subtree;
    for (int i = 0; i < 1 << height_in_tile; ++i) subtree.append(*begin++);
    return subtree.root();
  }

  Result<const std::vector<Hash>*> tile_at(uint8_t level, uint64_t index) {
    const uint64_t left = (size_ >> (8 * level)) - index * kTileWidth;
    const Tile tile{level, index, static_cast<uint16_t>(std::min<uint64_t>(left, kTileWidth))};
    auto found = tiles_.find(tile);
    if (found == tiles_.end()) {
      TRY(auto hashes, read_tile(reader_, tile));
      found = tiles_.emplace(tile, std::move(hashes)).first;
    }
    return &found->second;
  }

  HashReader& reader_;
  const uint64_t size_;
  std::map<Tile, std::vector<Hash>> tiles_;
};

/// Where a tree of `leaves` ≥ 2 leaves is split: the largest power of two below.
uint64_t split(uint64_t leaves) { return std::bit_floor(leaves - 1); }

Status check_size(uint64_t size) {
  if (size > kSizeMax)
    return fail(Code::kInvalid, "no tree has " + std::to_string(size) + " leaves");
  return {};
}

/// The file of a tile or bundle, or where it is partial and not there, the full one's.
Result<TileFile> read_file(HashReader& reader, Tile tile) {
  auto bytes = reader.read(tile);
  if (!bytes && bytes.error().code == Code::kNotFound && !tile.is_full()) {
    tile.width = kTileWidth;
    bytes = reader.read(tile);
  }
  if (!bytes) return fail(std::move(bytes).error().within(path(tile)));
  return TileFile{tile, *std::move(bytes)};
}

}  // namespace

Result<std::vector<Hash>> read_tile(HashReader& reader, const Tile& tile) {
  TRY(const TileFile file, read_file(reader, tile));
  auto hashes = parse_tile(file.bytes, file.tile.width);
  if (!hashes) return fail(std::move(hashes).error().within(path(file.tile)));
  hashes->resize(tile.width);
  return hashes;
}

Result<std::vector<Bytes>> read_bundle(HashReader& reader, const Tile& bundle) {
  TRY(const TileFile file, read_file(reader, bundle));
  const auto entries = parse_bundle(file.bytes, file.tile.width);
  if (!entries) return fail(Error(entries.error()).within(path(file.tile)));
  std::vector<Bytes> out;
  out.reserve(bundle.width);
  for (uint16_t i = 0; i < bundle.width; ++i)
    out.emplace_back((*entries)[i].begin(), (*entries)[i].end());
  return out;
}

Result<Hash> root_of(HashReader& reader, uint64_t size) {
  TRY_VOID(check_size(size));
  return TiledTree(reader, size).root(0, size);
}

Result<Proof> inclusion_proof(HashReader& reader, uint64_t index, uint64_t size) {
  TRY_VOID(check_size(size));
  if (index >= size) {
    return fail(Code::kInvalid,
                "no leaf " + std::to_string(index) + " in a tree of " + std::to_string(size));
  }
  TiledTree tree(reader, size);
  Proof proof;
  for (uint64_t begin = 0, end = size; end - begin > 1;) {
    const uint64_t middle = begin + split(end - begin);
    const bool is_left = index < middle;
    TRY(const Hash sibling, is_left ? tree.root(middle, end) : tree.root(begin, middle));
    proof.push_back(sibling);
    (is_left ? end : begin) = middle;
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

Result<Proof> consistency_proof(HashReader& reader, uint64_t old_size, uint64_t new_size) {
  TRY_VOID(check_size(new_size));
  if (old_size > new_size) {
    return fail(Code::kInvalid, "a tree of " + std::to_string(new_size) + " leaves never had " +
                                    std::to_string(old_size));
  }
  if (old_size == 0) return Proof();
  TiledTree tree(reader, new_size);
  Proof proof;
  uint64_t begin = 0, end = new_size;
  while (end != old_size) {
    const uint64_t middle = begin + split(end - begin);
    const bool ends_left = old_size <= middle;
    TRY(const Hash sibling, ends_left ? tree.root(middle, end) : tree.root(begin, middle));
    proof.push_back(sibling);
    (ends_left ? end : begin) = middle;
  }
  if (begin != 0) {  // otherwise it is the old root, which the verifier has
    TRY(const Hash last, tree.root(begin, end));
    proof.push_back(last);
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

}  // namespace stele::merkle
