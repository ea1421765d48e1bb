#include "merkle/frontier.h"

#include <gtest/gtest.h>

#include "merkle/test_tree.h"
#include "merkle/test_vectors.h"

namespace stele::merkle {
namespace {

TEST(Frontier, has_the_root_that_rfc_6962_defines_at_every_size) {
  const auto leaves = leaf_hashes(600);
  Frontier frontier;
  EXPECT_EQ(frontier.root(), empty_root());
  for (size_t size = 1; size <= leaves.size(); ++size) {
    frontier.append(leaves[size - 1]);
    ASSERT_EQ(frontier.size(), size);
    ASSERT_EQ(frontier.root(), rfc_root(std::span(leaves).first(size))) << size;
  }
}

TEST(Frontier, has_the_roots_that_the_go_library_computes) {
  const auto vectors = load_tlog_vectors();
  Frontier frontier;
  for (uint64_t i = 0; i < 70000; ++i) {
    frontier.append(leaf_hash(as_bytes(entry_text(i))));
    if (auto known = vectors.roots.find(i + 1); known != vectors.roots.end()) {
      EXPECT_EQ(to_base64(frontier.root()), to_base64(known->second)) << i + 1;
    }
  }
}

TEST(Frontier, has_the_roots_of_tesseras_test_log) {
  std::ifstream file(STELE_TESTDATA "/vectors/tlog_tessera.txt");
  std::vector<std::string> entries, roots;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind, word;
    words >> kind;
    while (words >> word) {
      if (kind == "entries") entries.push_back(word);
      if (kind == "root" && word.size() == 44) roots.push_back(word);
    }
  }
  ASSERT_EQ(entries.size(), 15U);
  ASSERT_EQ(roots.size(), 16U);
  Frontier frontier;
  for (size_t size = 0;; ++size) {
    EXPECT_EQ(to_base64(frontier.root()), roots[size]) << size;
    if (size == entries.size()) break;
    frontier.append(leaf_hash(as_bytes(entries[size])));
  }
}

TEST(Frontier, goes_on_from_its_bytes_as_if_never_stopped) {
  const auto leaves = leaf_hashes(100);
  Frontier frontier;
  for (const Hash& leaf : leaves) {
    auto restored = Frontier::parse(frontier.encode());
    ASSERT_TRUE(restored);
    ASSERT_EQ(*restored, frontier);
    frontier.append(leaf);
    restored->append(leaf);
    ASSERT_EQ(restored->root(), frontier.root());
  }
}

TEST(Frontier, is_not_parsed_from_any_other_number_of_bytes) {
  Frontier frontier;
  for (const Hash& leaf : leaf_hashes(77)) frontier.append(leaf);
  Bytes bytes = frontier.encode();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Frontier::parse(ByteSpan(bytes).first(size))) << size;
  }
  bytes.push_back(0);
  EXPECT_FALSE(Frontier::parse(bytes));
}

TEST(Frontier, of_an_impossible_size_is_refused) {
  Bytes bytes(8 + kHashBytes);
  bytes[0] = 0x80;
  EXPECT_FALSE(Frontier::parse(bytes));
}

}  // namespace
}  // namespace stele::merkle
