// What an event costs on its way in (under the recorder's lock) and out. Target: a key in well
// under 1 µs, a 4 KiB piece of output near memcpy.
#include <benchmark/benchmark.h>

#include "base/check.h"
#include "event/codec.h"

namespace stele::event {
namespace {

constexpr size_t kPartBytes = size_t{256} << 10;
constexpr BootTime kBase{};

/// Encodes pieces of a size until a part is full; the buffer goes round as in the agent.
void encode(benchmark::State& state, size_t piece_bytes) {
  const Bytes piece(piece_bytes, 'x');
  LaneEncoder encoder;
  encoder.begin(kBase);
  BootTime now = kBase;
  for (auto _ : state) {
    now += Micros(300);
    encoder.output(now, piece);
    if (encoder.bytes().size() > kPartBytes) {
      encoder.reuse(encoder.take());
      encoder.begin(now);
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(piece_bytes));
}

void encode_key(benchmark::State& state) { encode(state, 1); }
BENCHMARK(encode_key);
void encode_4_kib(benchmark::State& state) { encode(state, 4096); }
BENCHMARK(encode_4_kib);

void copy_4_kib(benchmark::State& state) {
  const Bytes piece(4096, 'x');
  Bytes buffer;
  for (auto _ : state) {
    buffer.insert(buffer.end(), piece.begin(), piece.end());
    if (buffer.size() > kPartBytes) buffer.clear();
  }
  state.SetBytesProcessed(state.iterations() * 4096);
}
BENCHMARK(copy_4_kib);

void decode(benchmark::State& state) {
  const auto piece_bytes = static_cast<size_t>(state.range(0));
  LaneEncoder encoder;
  encoder.begin(kBase);
  for (BootTime now = kBase; encoder.bytes().size() < kPartBytes; now += Micros(300)) {
    encoder.output(now, Bytes(piece_bytes, 'x'));
  }
  int64_t events = 0;
  for (auto _ : state) {
    LaneDecoder decoder(Lane::kOutput, kBase, encoder.bytes());
    for (;;) {
      const auto event = decoder.next();
      CHECK(event.has_value());
      if (!*event) break;
      ++events;
    }
  }
  state.SetItemsProcessed(events);
}
BENCHMARK(decode)->Arg(1)->Arg(4096);

}  // namespace
}  // namespace stele::event
