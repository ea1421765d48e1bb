// Checking Merkle proofs (RFC 6962 §2.1, with the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2).
//
// Exact: a proof with a hash too many or too few is wrong, as is one with any other hash.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "merkle/hash.h"

namespace stele::merkle {

using Proof = std::vector<Hash>;
inline constexpr size_t kProofHashesMax = 64;

/// kUnauthentic: the proof does not show that leaf `index` of the tree of `size` leaves with that
/// root is this one.
Status verify_inclusion(uint64_t index, uint64_t size, const Hash& leaf,
                        std::span<const Hash> proof, const Hash& root);

/// kUnauthentic: the proof does not show that the old tree is the beginning of the new one. With
/// old_size 0 nothing is said about new_root: every tree begins with the empty one.
Status verify_consistency(uint64_t old_size, uint64_t new_size, const Hash& old_root,
                          const Hash& new_root, std::span<const Hash> proof);

}  // namespace stele::merkle
