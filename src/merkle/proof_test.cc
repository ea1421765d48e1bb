#include "merkle/proof.h"

#include <gtest/gtest.h>

#include "merkle/test_tree.h"

namespace stele::merkle {
namespace {

constexpr size_t kSizes = 34;  // beyond two powers of two

class Proofs : public ::testing::Test {
 protected:
  std::span<const Hash> tree(size_t size) const { return std::span(leaves_).first(size); }
  Hash root(size_t size) const { return rfc_root(tree(size)); }
  const std::vector<Hash> leaves_ = leaf_hashes(kSizes);
  const Hash stranger_ = leaf_hash(as_bytes("stranger"));
};

/// Every proof that differs in one flipped bit of one hash, one hash too many or one too few.
std::vector<Proof> neighbours(const Proof& proof, const Hash& extra) {
  std::vector<Proof> out;
  for (size_t i = 0; i < proof.size(); ++i) {
    for (size_t bit : {0, 255}) {
      Proof flipped = proof;
      flipped[i][bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
      out.push_back(flipped);
    }
    Proof shorter = proof;
    shorter.erase(shorter.begin() + static_cast<ptrdiff_t>(i));
    out.push_back(shorter);
  }
  for (size_t i = 0; i <= proof.size(); ++i) {
    Proof longer = proof;
    longer.insert(longer.begin() + static_cast<ptrdiff_t>(i), extra);
    out.push_back(longer);
  }
  return out;
}

TEST_F(Proofs, of_inclusion_hold_for_every_leaf_of_every_tree) {
  for (size_t size = 1; size <= kSizes; ++size) {
    for (size_t index = 0; index < size; ++index) {
      EXPECT_TRUE(
          verify_inclusion(index, size, leaves_[index], rfc_path(index, tree(size)), root(size)))
          << index << " in " << size;
    }
  }
}

// The size of a tree is not in its root: whoever checks takes size and root from one signed
// checkpoint. A proof may so hold under another size with the same path, but never for another
// leaf, index, hash or root.
TEST_F(Proofs, of_inclusion_fail_for_any_other_leaf_index_hash_or_root) {
  for (size_t size = 1; size <= kSizes; ++size) {
    for (size_t index = 0; index < size; ++index) {
      const Proof proof = rfc_path(index, tree(size));
      for (size_t other = 0; other < size + 2; ++other) {
        if (other == index) continue;
        EXPECT_FALSE(verify_inclusion(other, size, leaves_[index], proof, root(size)));
      }
      EXPECT_FALSE(verify_inclusion(index, size, stranger_, proof, root(size)));
      EXPECT_FALSE(verify_inclusion(index, size, leaves_[index], proof, stranger_));
      for (const Proof& wrong : neighbours(proof, stranger_)) {
        EXPECT_FALSE(verify_inclusion(index, size, leaves_[index], wrong, root(size)))
            << index << " in " << size;
      }
    }
  }
}

TEST_F(Proofs, of_consistency_hold_between_all_sizes) {
  for (size_t to = 1; to <= kSizes; ++to) {
    for (size_t from = 1; from <= to; ++from) {
      EXPECT_TRUE(verify_consistency(from, to, root(from), root(to), rfc_proof(from, tree(to))))
          << from << " -> " << to;
    }
  }
}

TEST_F(Proofs, of_consistency_fail_for_any_other_hash_or_root) {
  for (size_t to = 1; to <= kSizes; ++to) {
    for (size_t from = 1; from <= to; ++from) {
      const Proof proof = rfc_proof(from, tree(to));
      EXPECT_FALSE(verify_consistency(from, to, stranger_, root(to), proof));
      EXPECT_FALSE(verify_consistency(from, to, root(from), stranger_, proof));
      for (const Proof& wrong : neighbours(proof, stranger_)) {
        EXPECT_FALSE(verify_consistency(from, to, root(from), root(to), wrong))
            << from << " -> " << to;
      }
    }
  }
}

TEST_F(Proofs, of_consistency_fail_for_a_tree_whose_past_was_changed) {
  for (size_t to = 2; to <= kSizes; ++to) {
    for (size_t from = 1; from < to; ++from) {
      for (size_t changed : {size_t{0}, from - 1}) {
        auto forged = leaves_;
        forged[changed] = stranger_;
        const auto d = std::span<const Hash>(forged).first(to);
        EXPECT_FALSE(verify_consistency(from, to, root(from), rfc_root(d), rfc_proof(from, d)));
      }
    }
  }
}

TEST_F(Proofs, of_consistency_with_the_empty_tree_are_empty) {
  EXPECT_TRUE(verify_consistency(0, 0, empty_root(), empty_root(), {}));
  EXPECT_TRUE(verify_consistency(0, 7, empty_root(), root(7), {}));
  EXPECT_FALSE(verify_consistency(0, 7, stranger_, root(7), {}));
  EXPECT_FALSE(verify_consistency(0, 0, empty_root(), stranger_, {}));
  EXPECT_FALSE(verify_consistency(0, 7, empty_root(), root(7), Proof{stranger_}));
}

TEST_F(Proofs, of_consistency_at_one_size_are_empty_and_need_one_root) {
  EXPECT_TRUE(verify_consistency(7, 7, root(7), root(7), {}));
  EXPECT_FALSE(verify_consistency(7, 7, root(7), stranger_, {}));
  EXPECT_FALSE(verify_consistency(7, 7, root(7), root(7), Proof{stranger_}));
}

TEST_F(Proofs, never_show_that_a_log_shrank) {
  EXPECT_FALSE(verify_consistency(8, 7, root(8), root(7), {}));
  EXPECT_FALSE(verify_consistency(8, 0, root(8), empty_root(), {}));
}

// A log may sign whatever it likes. The size it states still has to be that of a tree of the
// proof's shape.
TEST_F(Proofs, do_not_hold_under_a_size_that_their_shape_denies) {
  const Hash &l2 = leaves_[2], &l3 = leaves_[3], &x = stranger_;
  const Hash deeper = node_hash(x, root(2));
  EXPECT_FALSE(verify_inclusion(1, 2, leaves_[1], Proof{leaves_[0], x}, deeper));
  EXPECT_FALSE(verify_inclusion(0, 4, leaves_[0], Proof{leaves_[1]}, root(2)));

  EXPECT_TRUE(verify_consistency(3, 4, root(3), root(4), Proof{l2, l3, root(2)}));
  EXPECT_FALSE(verify_consistency(3, 4, node_hash(x, root(3)), node_hash(x, root(4)),
                                  Proof{l2, l3, root(2), x}));
  EXPECT_FALSE(verify_consistency(4, 8, root(4), root(4), {}));
  EXPECT_FALSE(verify_consistency(3, 8, root(3), root(4), Proof{l2, l3, root(2)}));
}

TEST_F(Proofs, outside_the_possible_sizes_are_refused) {
  const Proof longest(kProofHashesMax, stranger_);
  EXPECT_FALSE(verify_inclusion(0, 0, stranger_, {}, stranger_));
  EXPECT_FALSE(verify_inclusion(1, 1, stranger_, {}, stranger_));
  for (size_t length = 0; length <= kProofHashesMax; ++length) {
    const auto proof = std::span(longest).first(length);
    EXPECT_FALSE(verify_inclusion(~0ULL - 1, ~0ULL, stranger_, proof, stranger_));
    EXPECT_FALSE(verify_consistency(~0ULL - 1, ~0ULL, stranger_, stranger_, proof));
    EXPECT_FALSE(verify_consistency(1, kSizeMax + 1, stranger_, stranger_, proof));
    EXPECT_FALSE(verify_inclusion(kSizeMax - 1, kSizeMax, stranger_, proof, stranger_));
  }
}

}  // namespace
}  // namespace stele::merkle
