// What sealing and reading back cost in CPU. A flood comes at some 100 MB/s from a pseudo-terminal:
// level 1 has to be well above; a calm terminal gives one small piece a second: any level will do.
// memcpy stands beside as the limit.
#include <benchmark/benchmark.h>

#include <random>

#include "base/check.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "codec/zstd.h"

namespace stele::codec {
namespace {

constexpr size_t kPieceBytes = size_t{256} << 10;

Bytes terminal_like(size_t size) {
  static constexpr std::string_view kWords[] = {
      "total ",  "drwxr-xr-x ", "\x1b[01;34m", "\x1b[0m", "root ",
      "Nov 23 ", "端末",        "error: ",     "\r\n",    "build "};
  std::mt19937_64 random(1);
  Bytes out;
  while (out.size() < size) {
    const std::string piece =
        random() % 2 == 0 ? std::to_string(random() % 100'000) : std::string(kWords[random() % 10]);
    out.insert(out.end(), piece.begin(), piece.end());
  }
  out.resize(size);
  return out;
}

void set_bytes(benchmark::State& state, size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void copy(benchmark::State& state) {
  const Bytes piece = terminal_like(kPieceBytes);
  Bytes out(piece.size());
  for (auto _ : state) {
    std::memcpy(out.data(), piece.data(), piece.size());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  set_bytes(state, piece.size());
}
BENCHMARK(copy);

void compress_flood(benchmark::State& state) {
  const Bytes flood = terminal_like(16 * kPieceBytes);
  Compressor compressor(static_cast<int>(state.range(0)));
  size_t at = 0, in = 0, out_size = 0;
  Bytes out;
  for (auto _ : state) {
    out.clear();
    CHECK(compressor.compress(ByteSpan(flood).subspan(at, kPieceBytes), out));
    at = (at + kPieceBytes) % flood.size();
    in += kPieceBytes;
    out_size += out.size();
  }
  set_bytes(state, kPieceBytes);
  state.counters["ratio"] = static_cast<double>(in) / static_cast<double>(out_size);
  state.counters["context_KiB"] = static_cast<double>(compressor.memory() >> 10);
}
BENCHMARK(compress_flood)->Arg(-5)->Arg(-1)->Arg(1)->Arg(3)->Arg(9)->Arg(19);

void compress_calm(benchmark::State& state) {
  constexpr size_t kSmall = 200;
  const Bytes text = terminal_like(4 * kPieceBytes);
  Compressor compressor(static_cast<int>(state.range(0)));
  size_t at = 0;
  Bytes out;
  for (auto _ : state) {
    out.clear();
    CHECK(compressor.compress(ByteSpan(text).subspan(at, kSmall), out));
    at = (at + kSmall) % (text.size() - kSmall);
  }
}
BENCHMARK(compress_calm)->Arg(1)->Arg(9)->Arg(19);

void decompress(benchmark::State& state) {
  const Bytes piece = terminal_like(kPieceBytes);
  Compressor compressor;
  Bytes small, large;
  CHECK(compressor.compress(piece, small));
  Decompressor decompressor;
  for (auto _ : state) {
    decompressor.restart();
    large.clear();
    CHECK(decompressor.decompress(small, kPieceBytes, large));
  }
  set_bytes(state, kPieceBytes);
}
BENCHMARK(decompress);

void decode_utf8(benchmark::State& state) {
  const Bytes piece = terminal_like(kPieceBytes);
  std::string out;
  for (auto _ : state) {
    out.clear();
    Utf8Decoder().decode(piece, out);
  }
  set_bytes(state, kPieceBytes);
}
BENCHMARK(decode_utf8);

void write_json_text(benchmark::State& state) {
  const std::string text = to_utf8(as_text(terminal_like(kPieceBytes)));
  std::string out;
  for (auto _ : state) {
    out.clear();
    JsonWriter(out).text(text);
  }
  set_bytes(state, text.size());
}
BENCHMARK(write_json_text);

}  // namespace
}  // namespace stele::codec
