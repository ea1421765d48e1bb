// The right edge of a Merkle tree: all that is needed to add leaves and to know the root.
#pragma once

#include <vector>

#include "base/result.h"
#include "merkle/hash.h"

namespace stele::merkle {

/// A tree of `size` leaves as the roots of its perfect subtrees, one for each bit set in `size`,
/// largest first.
class Frontier {
 public:
  /// Amortised one node hash. A tree has at most kSizeMax leaves.
  void append(const Hash& leaf);

  uint64_t size() const { return size_; }
  const std::vector<Hash>& peaks() const { return peaks_; }
  Hash root() const;

  /// size u64 ‖ peaks: 8 bytes and 32 for each bit set in size.
  Bytes encode() const;
  /// kCorrupt: not exactly what encode() makes of some tree.
  static Result<Frontier> parse(ByteSpan bytes);

  bool operator==(const Frontier&) const = default;

 private:
  uint64_t size_ = 0;
  std::vector<Hash> peaks_;
};

/// The root over adjacent perfect subtrees of shrinking size; empty_root() for none.
Hash fold_peaks(const std::vector<Hash>& peaks);

}  // namespace stele::merkle
