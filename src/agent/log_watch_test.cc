#include "agent/log_watch.h"

#include <gtest/gtest.h>

#include "ledger/test_world.h"

namespace stele::agent {
namespace {

using ledger::kLayout;
using ledger::World;

/// A log that grows, and whose files a host fetches.
class LogWatchTest : public ::testing::Test {
 protected:
  /// `count` more leaves, covered.
  void grow(size_t count) {
    sim::SimFileSystem files(world.disk);
    auto ledger = world.open(files).value();
    ledger::TestStream stream(files, world.clock, world.random);
    for (size_t i = 0; i < count; ++i)
      leaves.push_back(ledger->append(stream.next().bytes).value().leaf);
    ASSERT_TRUE(ledger->sync().has_value());
    ASSERT_TRUE(ledger->publish_through(ledger->size()).has_value());
  }
  LogWatch::Fetch fetch() {
    return [this](const std::string& path) -> Result<Bytes> {
      ++fetched;
      sim::SimFileSystem files(world.disk);
      if (const auto lie = lies.find(path); lie != lies.end()) return lie->second;
      return files.read(kLayout.vault() + "/log/" + path, 1 << 16);
    };
  }
  LogWatch watch() {
    sim::SimFileSystem files(world.disk);
    const auto key = World::trust(files).log;
    return {key, nothing_yet(key), fetch()};
  }
  std::vector<Status> all_included(LogWatch& w) {
    std::vector<Status> out;
    for (size_t i = 0; i < leaves.size(); ++i) out.push_back(w.check_included(i, leaves[i]));
    return out;
  }

  World world;
  std::vector<segment::Leaf> leaves;
  std::map<std::string, Bytes> lies;
  size_t fetched = 0;
};

TEST_F(LogWatchTest, follows_a_log_as_it_grows_and_finds_every_leaf) {
  LogWatch w = watch();
  for (const size_t more : {0, 1, 2, 5, 250, 300}) {
    grow(more);
    ASSERT_TRUE(w.advance().has_value()) << w.advance().error().message();
    EXPECT_EQ(w.last().size, leaves.size());
    for (const Status& included : all_included(w)) EXPECT_TRUE(included.has_value());
  }
}

TEST_F(LogWatchTest, fetches_a_tile_once_for_many_leaves) {
  grow(200);
  LogWatch w = watch();
  ASSERT_TRUE(w.advance().has_value());
  all_included(w);
  EXPECT_LE(fetched, 3U);
}

TEST_F(LogWatchTest, says_that_a_leaf_is_not_covered_yet) {
  grow(3);
  LogWatch w = watch();
  EXPECT_EQ(w.check_included(0, leaves[0]).error().code, Code::kBusy);
  ASSERT_TRUE(w.advance().has_value());
  EXPECT_EQ(w.check_included(3, leaves[0]).error().code, Code::kBusy);
}

TEST_F(LogWatchTest, finds_another_leaf_at_the_index) {
  grow(5);
  LogWatch w = watch();
  ASSERT_TRUE(w.advance().has_value());
  EXPECT_EQ(w.check_included(2, leaves[3]).error().code, Code::kUnauthentic);
  segment::Leaf changed = leaves[2];
  changed.received += Micros(1);
  EXPECT_EQ(w.check_included(2, changed).error().code, Code::kUnauthentic);
}

TEST_F(LogWatchTest, finds_a_roll_back) {
  grow(4);
  const sim::Image before = world.disk.snapshot();
  grow(3);
  LogWatch w = watch();
  ASSERT_TRUE(w.advance().has_value());
  world.disk.restore(before);
  EXPECT_EQ(w.advance().error().code, Code::kConflict);
  EXPECT_EQ(w.last().size, 7U) << "what was believed stays";
}

TEST_F(LogWatchTest, finds_a_fork_of_any_length) {
  for (const size_t other : {4, 5, 30, 300}) {
    world.disk.restore(world.fresh);
    leaves.clear();
    LogWatch w = watch();
    grow(4);
    ASSERT_TRUE(w.advance().has_value());
    world.disk.restore(world.fresh);
    grow(other);
    EXPECT_EQ(w.advance().error().code, Code::kUnauthentic) << other;
    EXPECT_EQ(w.last().size, 4U);
  }
}

TEST_F(LogWatchTest, finds_a_checkpoint_of_another_key) {
  grow(2);
  LogWatch w = watch();
  sim::SimFileSystem files(world.disk);
  const auto impostor = receipt::NoteSigner::make(World::trust(files).log.name,
                                                  crypto::SigningKey::generate(world.random))
                            .value();
  const auto note = receipt::sign_checkpoint({impostor.key().name, 9, {}}, impostor).value();
  lies["checkpoint"] = Bytes(note.begin(), note.end());
  EXPECT_EQ(w.advance().error().code, Code::kUnauthentic);
}

TEST_F(LogWatchTest, believes_no_tile_that_was_changed) {
  grow(300);
  LogWatch first = watch();
  ASSERT_TRUE(first.advance().has_value());
  grow(5);
  sim::SimFileSystem files(world.disk);
  for (const std::string path : {"tile/0/000", "tile/0/001.p/49", "tile/1/000.p/1"}) {
    lies.clear();
    Bytes bytes = files.read(kLayout.vault() + "/log/" + path, 1 << 16).value();
    bytes[bytes.size() - 5] ^= 1;
    lies[path] = bytes;
    LogWatch w = watch();
    ASSERT_TRUE(w.advance().has_value()) << "the first one needs no proof";
    size_t wrong = 0;
    for (const Status& included : all_included(w)) wrong += included ? 0 : 1;
    EXPECT_GT(wrong, 0U) << path;
  }
}

TEST_F(LogWatchTest, a_server_that_does_not_answer_is_no_liar) {
  grow(2);
  sim::SimFileSystem files(world.disk);
  const auto key = World::trust(files).log;
  LogWatch w(key, nothing_yet(key), [](const std::string&) -> Result<Bytes> {
    return fail(Code::kIo, "connection refused");
  });
  EXPECT_EQ(w.advance().error().code, Code::kIo);
}

}  // namespace
}  // namespace stele::agent
