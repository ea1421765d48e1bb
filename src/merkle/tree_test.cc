#include "merkle/tree.h"

#include <gtest/gtest.h>

#include "crypto/sha256.h"
#include "merkle/memory_reader.h"
#include "merkle/test_tree.h"
#include "merkle/test_vectors.h"

namespace stele::merkle {
namespace {

/// The tiles of a log whose entries are "0", "1", …
MemoryReader log_of(uint64_t size) {
  TileBuilder builder;
  for (uint64_t i = 0; i < size; ++i) CHECK(builder.append(as_bytes(entry_text(i))));
  MemoryReader reader;
  reader.publish(builder);
  return reader;
}

std::string sha_of(const Proof& proof) {
  return to_hex(
      crypto::sha256(Bytes(reinterpret_cast<const uint8_t*>(proof.data()),
                           reinterpret_cast<const uint8_t*>(proof.data() + proof.size()))));
}

TEST(Tree, has_root_and_proofs_as_rfc_6962_defines_them) {
  const auto leaves = leaf_hashes(70000);
  for (size_t size : {1, 2, 3, 7, 8, 255, 256, 257, 513, 1000, 65536, 65537, 70000}) {
    auto reader = log_of(size);
    const auto tree = std::span(leaves).first(size);
    EXPECT_EQ(*root_of(reader, size), rfc_root(tree)) << size;
    const size_t step = size < 20 ? 1 : size / 3;
    for (size_t i = 0; i < size; i += step) {
      EXPECT_EQ(*inclusion_proof(reader, i, size), rfc_path(i, tree)) << i << " in " << size;
      EXPECT_EQ(*consistency_proof(reader, i + 1, size), rfc_proof(i + 1, tree))
          << i + 1 << " -> " << size;
    }
    EXPECT_EQ(*inclusion_proof(reader, size - 1, size), rfc_path(size - 1, tree)) << size;
    for (size_t old_size : {1, 255, 256, 257, 512, 65536}) {
      if (old_size > size) continue;
      EXPECT_EQ(*consistency_proof(reader, old_size, size), rfc_proof(old_size, tree))
          << old_size << " -> " << size;
    }
  }
}

TEST(Tree, agrees_with_the_go_library) {
  const auto vectors = load_tlog_vectors();
  auto reader = log_of(70000);
  EXPECT_EQ(*root_of(reader, 70000), vectors.roots.at(70000));
  const auto inclusion = inclusion_proof(reader, 12345, 70000);
  EXPECT_EQ(inclusion->size(), 17U);
  EXPECT_EQ(sha_of(*inclusion), vectors.inclusion_sha);
  const auto consistency = consistency_proof(reader, 257, 70000);
  EXPECT_EQ(consistency->size(), 18U);
  EXPECT_EQ(sha_of(*consistency), vectors.consistency_sha);
  for (const auto& [name, sha] : vectors.tile_sha) {
    EXPECT_EQ(to_hex(crypto::sha256(reader.files.at(*parse_tile_path(name)))), sha) << name;
  }
}

TEST(Tree, without_leaves_has_a_root_and_no_proofs) {
  MemoryReader nothing;
  EXPECT_EQ(*root_of(nothing, 0), empty_root());
  EXPECT_EQ(inclusion_proof(nothing, 0, 0).error().code, Code::kInvalid);
  EXPECT_TRUE(consistency_proof(nothing, 0, 0)->empty());
  EXPECT_TRUE(nothing.reads.empty());
}

TEST(Tree, is_consistent_with_nothing_and_itself_without_a_proof) {
  auto reader = log_of(300);
  EXPECT_TRUE(consistency_proof(reader, 0, 300)->empty());
  EXPECT_TRUE(consistency_proof(reader, 300, 300)->empty());
}

TEST(Tree, refuses_what_lies_outside) {
  auto reader = log_of(300);
  EXPECT_EQ(inclusion_proof(reader, 300, 300).error().code, Code::kInvalid);
  EXPECT_EQ(consistency_proof(reader, 301, 300).error().code, Code::kInvalid);
  EXPECT_EQ(root_of(reader, ~0ULL).error().code, Code::kInvalid);
  EXPECT_EQ(inclusion_proof(reader, 0, ~0ULL).error().code, Code::kInvalid);
  EXPECT_EQ(consistency_proof(reader, 1, ~0ULL).error().code, Code::kInvalid);
}

TEST(Tree, reads_each_tile_once_and_at_most_two_a_level) {
  auto reader = log_of(70000);
  const auto check = [&](const char* what) {
    std::map<uint8_t, int> at_level;
    for (const auto& [tile, count] : reader.reads) {
      EXPECT_EQ(count, 1) << what << " " << path(tile);
      EXPECT_LE(++at_level[tile.level], 2) << what;
      EXPECT_TRUE(exists(tile, 70000));
    }
    reader.reads.clear();
  };
  for (uint64_t i : {0, 1, 255, 256, 12345, 65535, 65536, 69887, 69888, 69999}) {
    ASSERT_TRUE(inclusion_proof(reader, i, 70000));
    check("inclusion");
    ASSERT_TRUE(consistency_proof(reader, i + 1, 70000));
    check("consistency");
  }
  ASSERT_TRUE(root_of(reader, 70000));
  check("root");
}

TEST(Tree, is_read_from_full_tiles_where_the_partial_ones_are_gone) {
  const auto leaves = leaf_hashes(65400);
  auto reader = log_of(
      65537);  // no longer has the partial tiles of 65400: tile/0/255.p/120, tile/1/000.p/255
  EXPECT_EQ(*consistency_proof(reader, 100, 65400), rfc_proof(100, leaves));
  EXPECT_EQ(*inclusion_proof(reader, 65399, 65400), rfc_path(65399, leaves));
}

TEST(Tree, says_which_tile_is_missing_or_of_a_wrong_size) {
  auto reader = log_of(300);
  reader.files.erase(Tile{0, 1, 44});
  auto missing = root_of(reader, 300);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_NE(missing.error().context.find("tile/0/001"), std::string::npos);

  reader = log_of(300);
  reader.files[{0, 1, 44}].pop_back();
  auto torn = root_of(reader, 300);
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error().code, Code::kCorrupt);
}

TEST(Tree, with_a_changed_tile_yields_no_proof_that_holds) {
  const auto leaves = leaf_hashes(1000);
  const Hash root = rfc_root(leaves);
  for (const auto& file : log_of(1000).files) {
    if (file.first.is_bundle()) continue;
    auto reader = log_of(1000);
    reader.files[file.first][40] ^= 1;  // in the second hash of the tile
    const uint64_t index = file.first.level == 0 ? file.first.index * 256 : 0;
    EXPECT_FALSE(
        verify_inclusion(index, 1000, leaves[index], *inclusion_proof(reader, index, 1000), root));
  }
}

}  // namespace
}  // namespace stele::merkle
