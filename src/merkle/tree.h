// A tree that is read from its tiles: root and proofs.
//
// What comes out is as good as the tiles: check it against a signed root (merkle/proof.h) before
// believing it.
#pragma once

#include "merkle/proof.h"
#include "merkle/tile.h"

namespace stele::merkle {

/// Where tiles and bundles come from: a directory, a web server, memory.
class HashReader {
 public:
  virtual ~HashReader() = default;
  /// The bytes of a tile's file; not called twice for one tile by one of the functions below.
  /// kNotFound: there is none; a partial tile is then asked for as the full one, since logs may
  /// drop partial tiles once that exists.
  virtual Result<Bytes> read(const Tile& tile) = 0;
};

/// The hashes of a tile, or the entries of a bundle; where it is partial and gone, that many of the
/// full one. kCorrupt: it does not hold exactly as many as it should.
Result<std::vector<Hash>> read_tile(HashReader& reader, const Tile& tile);
Result<std::vector<Bytes>> read_bundle(HashReader& reader, const Tile& bundle);

/// Each reads at most two tiles a level. kInvalid: index or size outside the tree, or over
/// kSizeMax.
Result<Hash> root_of(HashReader& reader, uint64_t size);
/// From the leaf's sibling to the root's child (RFC 6962 §2.1.1): at most 63 hashes.
Result<Proof> inclusion_proof(HashReader& reader, uint64_t index, uint64_t size);
/// RFC 6962 §2.1.2: at most 64 hashes; none where old_size is 0 or new_size.
Result<Proof> consistency_proof(HashReader& reader, uint64_t old_size, uint64_t new_size);

}  // namespace stele::merkle
