// The three hashes of a Merkle tree (RFC 6962 §2.1). The prefix bytes keep a leaf from ever passing
// for a node.
#pragma once

#include "base/bytes.h"

namespace stele::merkle {

inline constexpr size_t kHashBytes = 32;

/// Most leaves a tree may have: 2^63 − 1, as in x/mod/sumdb/tlog, so that no size exists for one
/// verifier only.
inline constexpr uint64_t kSizeMax = (uint64_t{1} << 63) - 1;

/// SHA-256(0x00 ‖ entry)
Hash leaf_hash(ByteSpan entry);
/// SHA-256(0x01 ‖ left ‖ right)
Hash node_hash(const Hash& left, const Hash& right);
/// SHA-256 of nothing: the root of the tree without leaves.
Hash empty_root();

}  // namespace stele::merkle
