#include "server/checkpoint_memory.h"

#include <gtest/gtest.h>

namespace stele::server {
namespace {

using Found = CheckpointMemory::Found;

Hash root(uint8_t of) { return Hash{of}; }

TEST(CheckpointMemory, holds_what_hosts_say_against_what_was_published) {
  CheckpointMemory memory;
  EXPECT_EQ(memory.look(7, root(7)), Found::kBeyond) << "the log has no leaf yet";
  memory.add({"log", 5, root(5)});
  memory.add({"log", 9, root(9)});
  EXPECT_EQ(memory.look(0, {}), Found::kAgrees);
  EXPECT_EQ(memory.look(5, root(5)), Found::kAgrees);
  EXPECT_EQ(memory.look(9, root(9)), Found::kAgrees);
  EXPECT_EQ(memory.look(7, root(7)), Found::kNotKnown) << "of before this server started, perhaps";
  EXPECT_EQ(memory.look(9, root(8)), Found::kContradicts);
  EXPECT_EQ(memory.look(10, root(10)), Found::kBeyond);
}

TEST(CheckpointMemory, keeps_the_newest) {
  CheckpointMemory memory;
  for (uint64_t size = 1; size <= CheckpointMemory::kMost + 1; ++size)
    memory.add({"log", size, root(1)});
  EXPECT_EQ(memory.look(1, root(1)), Found::kNotKnown);
  EXPECT_EQ(memory.look(2, root(1)), Found::kAgrees);
}

TEST(CheckpointMemory, says_the_same_of_a_host_once) {
  CheckpointMemory memory;
  EXPECT_TRUE(memory.is_to_be_told("web01", 10, Found::kContradicts));
  EXPECT_FALSE(memory.is_to_be_told("web01", 10, Found::kContradicts));
  EXPECT_TRUE(memory.is_to_be_told("web02", 10, Found::kContradicts));
  EXPECT_TRUE(memory.is_to_be_told("web01", 11, Found::kContradicts));
  EXPECT_FALSE(memory.is_to_be_told("web01", 12, Found::kBeyond)) << "it may be younger than this";
  EXPECT_TRUE(memory.is_to_be_told("web01", 12, Found::kBeyond));
  EXPECT_FALSE(memory.is_to_be_told("web01", 12, Found::kBeyond));
  EXPECT_FALSE(memory.is_to_be_told("web01", 13, Found::kBeyond));
  EXPECT_TRUE(memory.is_to_be_told("web01", 13, Found::kContradicts)) << "the log grew past it";
  for (const Found fine : {Found::kAgrees, Found::kNotKnown})
    EXPECT_FALSE(memory.is_to_be_told("web03", 10, fine));
}

}  // namespace
}  // namespace stele::server
