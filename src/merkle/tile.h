// Tiles: the Merkle tree and its entries as a set of static files (C2SP tlog-tiles).
//
// Hash i of tile n at level l is the root over the 256^l leaves from (256·n + i)·256^l on. The
// bundle n holds the entries under tile n of level 0. All tiles but the last of a level are full:
// 256 wide.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "merkle/hash.h"

namespace stele::merkle {

inline constexpr uint16_t kTileWidth = 256;
inline constexpr size_t kTileBytes = kTileWidth * kHashBytes;
inline constexpr uint8_t kLevelMax = 63;
/// In the place of a level: the bundle of entries under the tile of level 0 with the same index.
inline constexpr uint8_t kEntries = 255;
/// Index of a tile: no tree of kSizeMax leaves has one beyond.
inline constexpr uint64_t kTileIndexMax = kSizeMax / kTileWidth;

/// Coordinates of a tile of hashes or, with level kEntries, of a bundle.
struct Tile {
  uint8_t level = 0;
  uint64_t index = 0;
  uint16_t width = kTileWidth;  // 1 … 256

  bool is_full() const { return width == kTileWidth; }
  bool is_bundle() const { return level == kEntries; }
  auto operator<=>(const Tile&) const = default;
};

/// A tile or bundle and the bytes of its file.
struct TileFile {
  Tile tile;
  Bytes bytes;
  bool operator==(const TileFile&) const = default;
};

/// "tile/0/x001/x234/067", "tile/1/000.p/17", "tile/entries/000.p/1" …
std::string path(const Tile& tile);
/// kCorrupt: not exactly what path() says of some tile.
Result<Tile> parse_tile_path(std::string_view path);

/// True where a tree of `size` leaves has this very tile: the same index and the same width.
bool exists(const Tile& tile, uint64_t size);
/// True where a tree of `size` leaves has this tile, or had it when it was smaller.
bool fits(const Tile& tile, uint64_t size);
/// All partial tiles of a tree of `size` leaves, and its partial bundle: at most nine.
std::vector<Tile> partial_tiles(uint64_t size);
/// The full tiles and bundles that a tree of `new_size` leaves has and one of `old_size` has not;
/// all, from 0 on. Proportional to the difference. None where old_size ≥ new_size.
std::vector<Tile> new_full_tiles(uint64_t old_size, uint64_t new_size);

/// kCorrupt: not exactly `width` hashes.
Result<std::vector<Hash>> parse_tile(ByteSpan bytes, uint16_t width);
Bytes encode_tile(const std::vector<Hash>& hashes);

}  // namespace stele::merkle
