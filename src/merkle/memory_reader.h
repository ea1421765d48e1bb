// A tiled log in memory, for tests.
#pragma once

#include <map>

#include "base/check.h"
#include "merkle/tile_builder.h"

namespace stele::merkle {

class MemoryReader : public HashReader {
 public:
  Result<Bytes> read(const Tile& tile) override {
    ++reads[tile];
    const auto found = files.find(tile);
    if (found == files.end()) return fail(Code::kNotFound, "no such tile");
    return found->second;
  }

  void put(std::vector<TileFile> some) {
    for (TileFile& file : some) CHECK(files.emplace(file.tile, std::move(file.bytes)).second);
  }
  /// What a log publishes: new full files once, and the partial ones in place of the last.
  void publish(TileBuilder& builder) {
    put(builder.take_full());
    std::erase_if(files, [](const auto& file) { return !file.first.is_full(); });
    put(builder.partial());
  }

  std::map<Tile, Bytes> files;
  std::map<Tile, int> reads;
};

}  // namespace stele::merkle
