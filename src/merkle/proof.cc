#include "merkle/proof.h"

namespace stele::merkle {
namespace {

/// The way from one leaf up to the root: where it stands, and where the last leaf of the tree does.
class Climb {
 public:
  Climb(uint64_t index, uint64_t size) : here_(index), last_(size - 1) {}

  bool at_root() const { return last_ == 0; }
  /// True where the next hash of the proof stands to our left.
  bool sibling_is_left() const { return (here_ & 1) != 0 || here_ == last_; }
  void up() {
    if (here_ == last_) up_while_alone();
    step();
  }
  /// Up to the largest perfect subtree that ends with this leaf.
  void up_while_right_child() {
    while ((here_ & 1) != 0) step();
  }

 private:
  /// The last node of a level has no sibling where its number is even: it stands for itself one
  /// level up.
  void up_while_alone() {
    while ((here_ & 1) == 0 && here_ != 0) step();
  }
  void step() {
    here_ >>= 1;
    last_ >>= 1;
  }
  uint64_t here_;
  uint64_t last_;
};

tl::unexpected<Error> wrong(const char* what) { return fail(Code::kUnauthentic, what); }

}  // namespace

Status verify_inclusion(uint64_t index, uint64_t size, const Hash& leaf,
                        std::span<const Hash> proof, const Hash& root) {
  if (index >= size || size > kSizeMax)
    return wrong("inclusion proof: the index is outside the tree");
  Climb climb(index, size);
  Hash hash = leaf;
  for (const Hash& sibling : proof) {
    if (climb.at_root()) return wrong("inclusion proof: too long");
    hash = climb.sibling_is_left() ? node_hash(sibling, hash) : node_hash(hash, sibling);
    climb.up();
  }
  if (!climb.at_root()) return wrong("inclusion proof: too short");
  if (hash != root) return wrong("inclusion proof: leads to another root");
  return {};
}

Status verify_consistency(uint64_t old_size, uint64_t new_size, const Hash& old_root,
                          const Hash& new_root, std::span<const Hash> proof) {
  if (old_size > new_size || new_size > kSizeMax) return wrong("consistency proof: the log shrank");
  if (old_size == 0 || old_size == new_size) {
    if (!proof.empty()) return wrong("consistency proof: too long");
    if (old_size == 0 && old_root != empty_root())
      return wrong("consistency proof: not the root of an empty tree");
    if (old_size == new_size && old_root != new_root)
      return wrong("consistency proof: two roots for one size");
    return {};
  }
  Climb climb(old_size - 1, new_size);
  climb.up_while_right_child();
  const bool old_is_perfect =
      (old_size & (old_size - 1)) == 0;  // then its root is the first hash, and left out
  if (!old_is_perfect && proof.empty()) return wrong("consistency proof: too short");
  Hash old_hash = old_is_perfect ? old_root : proof.front();
  Hash new_hash = old_hash;
  for (const Hash& sibling : old_is_perfect ? proof : proof.subspan(1)) {
    if (climb.at_root()) return wrong("consistency proof: too long");
    if (climb.sibling_is_left()) {
      old_hash = node_hash(sibling, old_hash);
      new_hash = node_hash(sibling, new_hash);
    } else {
      new_hash = node_hash(new_hash, sibling);
    }
    climb.up();
  }
  if (!climb.at_root()) return wrong("consistency proof: too short");
  if (old_hash != old_root) return wrong("consistency proof: leads to another old root");
  if (new_hash != new_root) return wrong("consistency proof: leads to another new root");
  return {};
}

}  // namespace stele::merkle
