// From entries to the files of a tiled log: what the ledger publishes.
#pragma once

#include <utility>
#include <vector>

#include "merkle/bundle.h"
#include "merkle/frontier.h"
#include "merkle/tree.h"

namespace stele::merkle {

/// Grows a tree entry by entry, one leaf hash and amortised one node hash each. Holds at most one
/// partial tile a level, one partial bundle and the full files not yet taken. Use:
///
///     TRY(auto builder, TileBuilder::restore(reader, published_size));   // or TileBuilder() for
///     an empty log for (…) TRY_VOID(builder.append(entry)); for (const TileFile& file :
///     builder.take_full()) …put_once(path(file.tile), file.bytes) for (const TileFile& file :
///     builder.partial()) …replace(path(file.tile), file.bytes) …sign {builder.size(),
///     builder.root()}
///
/// A value: a copy goes its own way. The same entries give the same files however they are cut into
/// batches.
class TileBuilder {
 public:
  TileBuilder() = default;

  /// Goes on where a log of `size` leaves stands: reads its partial tiles and its partial bundle,
  /// nothing else. kCorrupt: the bundle is not what the tile over it says. Whether root() is the
  /// right one is the caller's to compare.
  static Result<TileBuilder> restore(HashReader& reader, uint64_t size);

  /// kLimit: the entry is over kEntryBytesMax, and nothing was changed.
  Status append(ByteSpan entry);

  uint64_t size() const { return size_; }
  Hash root() const;
  /// Full tiles and bundles completed since the last call (or since restore()); each file comes out
  /// once.
  std::vector<TileFile> take_full() { return std::exchange(full_, {}); }
  /// The files of partial_tiles(size()).
  std::vector<TileFile> partial() const;

 private:
  struct Level {
    Bytes tile;     // the partial tile's bytes
    Frontier edge;  // over the same hashes, so that no node is hashed twice
  };
  void add_hash(Hash hash);
  static void add_to(Level& level, const Hash& hash);
  Status restore_bundle(HashReader& reader);

  uint64_t size_ = 0;
  std::vector<Level> levels_;
  Bytes bundle_;
  std::vector<TileFile> full_;
};

}  // namespace stele::merkle
