// What building and proving cost. The limit is SHA-256: a node is two compressions, a leaf of 92
// bytes two as well, and this CPU does some 23 M compressions a second (SHA extensions). Target: ≥
// 50,000 leaves/s a core, with room for all else.
#include <benchmark/benchmark.h>

#include "base/check.h"
#include "merkle/memory_reader.h"

namespace stele::merkle {
namespace {

constexpr size_t kLeafBytes = 92;  // segment/leaf.h

Bytes entry(uint64_t i) {
  Bytes out(kLeafBytes);
  std::memcpy(out.data(), &i, sizeof i);
  return out;
}

/// The physical limit beside which the others stand: nothing but node hashes.
void node_hashes(benchmark::State& state) {
  Hash hash{};
  for (auto _ : state) hash = node_hash(hash, hash);
  benchmark::DoNotOptimize(hash);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(node_hashes);

void frontier_append(benchmark::State& state) {
  Frontier frontier;
  Hash leaf{};
  for (auto _ : state) {
    ++leaf[0];
    frontier.append(leaf);
  }
  benchmark::DoNotOptimize(frontier.root());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(frontier_append);

void tile_builder_append(benchmark::State& state) {
  TileBuilder builder;
  const Bytes leaf = entry(1);
  for (auto _ : state) {
    CHECK(builder.append(leaf));
    if (builder.size() % (1 << 16) == 0) benchmark::DoNotOptimize(builder.take_full());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(tile_builder_append);

/// One second of the publisher: restore, a batch of entries, full and partial files, root.
void publish_batch(benchmark::State& state) {
  TileBuilder builder;
  for (uint64_t i = 0; i < 1'000'000; ++i) CHECK(builder.append(entry(i)));
  MemoryReader reader;
  reader.publish(builder);
  const Bytes leaf = entry(7);
  for (auto _ : state) {
    auto next = TileBuilder::restore(reader, 1'000'000);
    CHECK(next);
    for (int64_t i = 0; i < state.range(0); ++i) CHECK(next->append(leaf));
    benchmark::DoNotOptimize(next->take_full());
    benchmark::DoNotOptimize(next->partial());
    benchmark::DoNotOptimize(next->root());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(publish_batch)->Arg(1)->Arg(100)->Arg(10'000);

void prove(benchmark::State& state) {
  constexpr uint64_t kSize = 1'000'003;
  TileBuilder builder;
  for (uint64_t i = 0; i < kSize; ++i) CHECK(builder.append(entry(i)));
  MemoryReader reader;
  reader.publish(builder);
  uint64_t index = 0;
  for (auto _ : state) {
    index = (index + 7919) % kSize;
    CHECK(inclusion_proof(reader, index, kSize));
  }
}
BENCHMARK(prove);

void verify(benchmark::State& state) {
  constexpr uint64_t kSize = 1'000'003;
  TileBuilder builder;
  for (uint64_t i = 0; i < kSize; ++i) CHECK(builder.append(entry(i)));
  MemoryReader reader;
  reader.publish(builder);
  const auto proof = inclusion_proof(reader, 4711, kSize);
  const Hash leaf = leaf_hash(entry(4711)), root = builder.root();
  for (auto _ : state) CHECK(verify_inclusion(4711, kSize, leaf, *proof, root));
}
BENCHMARK(verify);

}  // namespace
}  // namespace stele::merkle
