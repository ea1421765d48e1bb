#include "merkle/hash.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace stele::merkle {
namespace {

TEST(Hash, of_nothing_is_the_root_of_the_empty_tree) {
  EXPECT_EQ(to_base64(empty_root()), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

TEST(Hash, of_an_empty_entry_is_that_of_its_prefix_alone) {
  // SHA-256 of one zero byte.
  EXPECT_EQ(to_hex(leaf_hash({})),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}

TEST(Hash, of_a_node_is_never_that_of_a_leaf_with_the_same_bytes) {
  const Hash left = leaf_hash(as_bytes("l")), right = leaf_hash(as_bytes("r"));
  Bytes both(left.begin(), left.end());
  both.insert(both.end(), right.begin(), right.end());
  EXPECT_NE(node_hash(left, right), leaf_hash(both));
  EXPECT_NE(node_hash(left, right), node_hash(right, left));
}

}  // namespace
}  // namespace stele::merkle
