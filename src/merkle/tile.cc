#include "merkle/tile.h"

#include <charconv>

#include "base/check.h"

namespace stele::merkle {
namespace {

constexpr std::string_view kPrefix = "tile/";
constexpr std::string_view kEntriesName = "entries";
constexpr std::string_view kPartial = ".p/";

std::string three_digits(uint64_t n) {
  const std::string digits = std::to_string(n);
  return std::string(3 - digits.size(), '0') + digits;
}

std::string index_path(uint64_t index) {
  std::string text = three_digits(index % 1000);
  while ((index /= 1000) != 0) text = "x" + three_digits(index % 1000) + "/" + text;
  return text;
}

/// The decimal number that is the whole text, or no.
template <typename T>
bool read_number(std::string_view text, T max, T& out) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > max) return false;
  out = static_cast<T>(number);
  return true;
}

/// "x001/x234/067". Loose about digits, for parse_tile_path() compares spellings.
bool read_index(std::string_view text, uint64_t& out) {
  std::string digits;
  for (char c : text) {
    if (c != 'x' && c != '/') digits += c;
  }
  return read_number(digits, kTileIndexMax, out);
}

bool read_level(std::string_view text, uint8_t& out) {
  if (text != kEntriesName) return read_number(text, kLevelMax, out);
  out = kEntries;
  return true;
}

/// How many hashes all tiles of a level have together. Levels beyond 7 are empty: 256^8 > kSizeMax.
uint64_t hashes_at(uint8_t level, uint64_t size) {
  if (level == kEntries) return size;
  return level < 8 ? size >> (8 * level) : 0;
}

}  // namespace

std::string path(const Tile& tile) {
  std::string text(kPrefix);
  text += tile.is_bundle() ? std::string(kEntriesName) : std::to_string(tile.level);
  text += "/" + index_path(tile.index);
  if (!tile.is_full()) text += std::string(kPartial) + std::to_string(tile.width);
  return text;
}

Result<Tile> parse_tile_path(std::string_view text) {
  const auto wrong = [] { return fail(Code::kCorrupt, "not the path of a tile"); };
  constexpr size_t kPathBytesMax = 64;  // the longest has 41
  if (text.size() > kPathBytesMax || !text.starts_with(kPrefix)) return wrong();
  std::string_view rest = text.substr(kPrefix.size());
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return wrong();
  Tile tile;
  if (!read_level(rest.substr(0, slash), tile.level)) return wrong();
  rest.remove_prefix(slash + 1);
  if (const size_t dot = rest.find(kPartial); dot != std::string_view::npos) {
    const std::string_view width = rest.substr(dot + kPartial.size());
    if (!read_number(width, uint16_t{kTileWidth - 1}, tile.width) || tile.width == 0)
      return wrong();
    rest = rest.substr(0, dot);
  }
  if (!read_index(rest, tile.index) || path(tile) != text) return wrong();
  return tile;
}

bool exists(const Tile& tile, uint64_t size) {
  const uint64_t hashes = hashes_at(tile.level, size);
  const uint64_t full = hashes / kTileWidth;
  if (tile.is_full()) return tile.index < full;
  return tile.index == full && tile.width != 0 && tile.width == hashes % kTileWidth;
}

bool fits(const Tile& tile, uint64_t size) {
  return tile.index * kTileWidth + tile.width <= hashes_at(tile.level, size);
}

std::vector<Tile> partial_tiles(uint64_t size) {
  std::vector<Tile> tiles;
  const auto add = [&](uint8_t level, uint64_t hashes) {
    if (const auto width = static_cast<uint16_t>(hashes % kTileWidth); width != 0) {
      tiles.push_back({level, hashes / kTileWidth, width});
    }
  };
  for (uint8_t level = 0; level < 8; ++level) add(level, hashes_at(level, size));
  add(kEntries, size);
  return tiles;
}

std::vector<Tile> new_full_tiles(uint64_t old_size, uint64_t new_size) {
  std::vector<Tile> tiles;
  const auto add = [&](uint8_t level) {
    const uint64_t end = hashes_at(level, new_size) / kTileWidth;
    for (uint64_t n = hashes_at(level, old_size) / kTileWidth; n < end; ++n) {
      tiles.push_back({level, n, kTileWidth});
    }
  };
  for (uint8_t level = 0; level < 8; ++level) add(level);
  add(kEntries);
  return tiles;
}

Result<std::vector<Hash>> parse_tile(ByteSpan bytes, uint16_t width) {
  if (bytes.size() != width * kHashBytes) {
    return fail(Code::kCorrupt, "a tile of width " + std::to_string(width) + " has " +
                                    std::to_string(bytes.size()) + " bytes");
  }
  std::vector<Hash> hashes(width);
  if (width != 0) std::memcpy(hashes.data(), bytes.data(), bytes.size());
  return hashes;
}

Bytes encode_tile(const std::vector<Hash>& hashes) {
  CHECK(!hashes.empty() && hashes.size() <= kTileWidth);
  Bytes out(hashes.size() * kHashBytes);
  std::memcpy(out.data(), hashes.data(), out.size());
  return out;
}

}  // namespace stele::merkle
