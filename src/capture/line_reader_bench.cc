// What it costs to read the lines that a person submits (docs/lines.md): of a key and its echo, and
// of what is shown, whether somebody waits for a line that was typed ahead, or not. Beside it, what
// the secret filter does with the same bytes, and a copy of them.
#include <benchmark/benchmark.h>

#include <cstring>

#include "capture/line_reader.h"
#include "capture/secret_filter.h"

namespace stele::capture {
namespace {

constexpr size_t kRows = 50, kColumns = 132, kShownBytes = size_t{32} << 10;
constexpr std::string_view kLine = "make -j2 && ./run --all";
constexpr std::string_view kShown =
    "\x1b[0m\x1b[01;34mdrwxr-xr-x\x1b[0m 2 ada staff   4096 Nov 29 10:41 src/capture\r\n"
    "-rw-r--r-- 1 ada staff 104857 Nov 29 10:41 caf\xc3\xa9 - notes.txt\r\n";

Bytes shown() {
  Bytes all;
  while (all.size() < kShownBytes)
    all.insert(all.end(), as_bytes(kShown).begin(), as_bytes(kShown).end());
  return all;
}

struct Reader {
  LineReader reader{kRows, kColumns};
  void type(BootTime at, ByteSpan bytes) { reader.typed(at, bytes, false); }
  void show(BootTime at, ByteSpan bytes) { reader.output(at, bytes); }
  void take() { benchmark::DoNotOptimize(reader.take()); }
};

struct Filter {
  SecretFilter filter{event::InputPolicy::kRedact, kRows, kColumns};
  void type(BootTime at, ByteSpan bytes) { filter.input(at, bytes, InputMode::kRaw); }
  void show(BootTime at, ByteSpan bytes) {
    filter.output(at, bytes);
    filter.tick(at);
  }
  void take() { benchmark::DoNotOptimize(filter.take()); }
};

/// Lines at a shell's prompt; an iteration is a key and its echo.
template <typename Taker>
void keys(benchmark::State& state) {
  Taker taker;
  BootTime now{};
  taker.show(now, as_bytes("$ "));
  size_t at = 0;
  for (auto _ : state) {
    now += Micros(50'000);
    if (at == kLine.size()) {
      taker.type(now, as_bytes("\r"));
      taker.show(now += Micros(100), as_bytes("\r\n$ "));
      at = 0;
    } else {
      const ByteSpan key = as_bytes(kLine.substr(at++, 1));
      taker.type(now, key);
      taker.show(now += Micros(100), key);
    }
    taker.take();
  }
}
BENCHMARK(keys<Reader>);
BENCHMARK(keys<Filter>);

template <typename Taker>
void output(benchmark::State& state) {
  Taker taker;
  const Bytes all = shown();
  BootTime now{};
  for (auto _ : state) {
    now += Micros(1'000);
    taker.show(now, all);
    taker.take();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(all.size()));
}
BENCHMARK(output<Reader>);
BENCHMARK(output<Filter>);

/// As output, and a line that was typed ahead waits for its prompt: all of it is followed.
void output_awaited(benchmark::State& state) {
  const Bytes all = shown();
  for (auto _ : state) {
    state.PauseTiming();
    Reader taker;
    BootTime now{};
    taker.show(now, as_bytes("$ sleep 1\r\n"));
    taker.type(now, as_bytes("ls\r"));
    state.ResumeTiming();
    taker.show(now += Micros(1'000), all);
    taker.take();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(all.size()));
}
BENCHMARK(output_awaited);

void copy(benchmark::State& state) {
  const Bytes all = shown();
  Bytes to(all.size());
  for (auto _ : state) {
    std::memcpy(to.data(), all.data(), all.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(all.size()));
}
BENCHMARK(copy);

}  // namespace
}  // namespace stele::capture
