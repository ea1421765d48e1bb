// For tests only: what several servers share, and servers on it.
#pragma once

#include "crypto/sha256.h"
#include "ledger/memory_commit_store.h"
#include "ledger/shared_ledger.h"
#include "ledger/test_world.h"
#include "ledger/vault_tiles.h"
#include "vault/memory_store.h"

namespace stele::ledger {

/// Keys are those of a ledger in a directory, which is not used beside.
struct SharedWorld {
  World world;
  sim::SimFileSystem files{world.disk};
  MemoryCommitStore commits{std::chrono::milliseconds(50)};
  vault::MemoryStore objects;

  RandomSource random = sim::random(7);

  TestStream stream() { return TestStream(files, world.clock, random); }
};

/// One of the servers; what it takes by turns, another one may take meanwhile.
struct SharedServer {
  explicit SharedServer(SharedWorld& shared)
      : world(shared), vault(shared.commits, shared.objects, "p/") {}

  Status open() {
    TRY(ledger, SharedLedger::open({world.commits, world.objects, vault, world.world.clock,
                                    world.world.signer(world.files), "p/", [this] {
                                      return HostKeys::load(world.files, kLayout.host_vkey());
                                    }}));
    return {};
  }
  Result<std::vector<Result<Appended>>> append(const std::vector<segment::Sealed>& segments) {
    std::vector<Incoming> batch;
    for (const segment::Sealed& each : segments) batch.push_back(Incoming::of(each.bytes).value());
    return ledger->append(batch);
  }

  SharedWorld& world;
  SharedVault vault;
  std::unique_ptr<SharedLedger> ledger;
};

/// Everything that is committed, read from the store itself: whole, chained, and what the head
/// says; and of what is published, the tiles. The leaves, in order.
inline std::vector<segment::Leaf> check_all(SharedWorld& shared) {
  const auto state = shared.commits.snapshot();
  std::vector<segment::Leaf> leaves;
  merkle::Frontier tree;
  std::map<StreamId, segment::Tail> tails;
  for (const auto& [first, volume] : state.volumes) {
    EXPECT_EQ(first, tree.size());
    const Bytes bytes = shared.objects.get(volume.key, volume.version).value();
    EXPECT_EQ(crypto::sha256(bytes), volume.hash);
    ByteSpan rest = bytes;
    for (uint32_t i = 0; i < volume.count; ++i) {
      const auto leaf = segment::parse_leaf(rest.first(segment::kLeafBytes)).value();
      const ByteSpan segment = rest.subspan(segment::kLeafBytes, leaf.segment_bytes);
      const auto view = segment::parse_segment(segment).value();
      EXPECT_TRUE(segment::agrees(leaf, view.header, crypto::sha256(segment)));
      const auto tail = tails.find(leaf.stream);
      const Status follows =
          segment::check_follows(tail == tails.end() ? nullptr : &tail->second, view.header);
      EXPECT_TRUE(follows) << follows.error().message();
      tails[leaf.stream] = segment::tail_after(leaf);
      tree.append(merkle::leaf_hash(segment::encode(leaf)));
      leaves.push_back(leaf);
      rest = rest.subspan(segment::kLeafBytes + leaf.segment_bytes);
    }
    EXPECT_TRUE(rest.empty());
  }
  EXPECT_EQ(tree, state.head);
  EXPECT_EQ(tails, state.tails);
  if (!state.publication.checkpoint.empty()) {
    const auto key = load_verifier_key(shared.files, kLayout.log_vkey()).value();
    const auto checkpoint =
        receipt::open_checkpoint(as_bytes(state.publication.checkpoint), key).value();
    EXPECT_EQ(checkpoint.size, state.publication.size);
    merkle::Frontier published;
    for (size_t i = 0; i < checkpoint.size; ++i)
      published.append(merkle::leaf_hash(segment::encode(leaves[i])));
    EXPECT_EQ(checkpoint.root, published.root());
    const SharedVault vault(shared.commits, shared.objects, "p/");
    VaultTiles tiles(vault);
    if (checkpoint.size > 0) {
      EXPECT_EQ(merkle::root_of(tiles, checkpoint.size).value(), checkpoint.root);
    }
  }
  return leaves;
}

}  // namespace stele::ledger
