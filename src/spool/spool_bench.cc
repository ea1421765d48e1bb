// Target: 5 µs of CPU a 4 KiB segment beside the bare append and fdatasync of the same bytes, here
// in the same run (3 of them are the SHA-256), so that a group up to 64 takes what the disk takes.
// TMPDIR says which disk.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>

#include "os/clock.h"
#include "os/posix_file_system.h"
#include "spool/spool.h"
#include "spool/test_stream.h"

namespace stele::spool {
namespace {

constexpr size_t kSegmentBytes = 4096;
constexpr size_t kPayload = kSegmentBytes - segment::kHeaderBytes - segment::kSignatureBytes - 40;

std::string fresh_directory() {
  const char* base = std::getenv("TMPDIR");
  std::string path = std::string(base != nullptr ? base : "/var/tmp") + "/spool_bench.XXXXXX";
  if (mkdtemp(path.data()) == nullptr) std::abort();
  return path;
}

void remove_all(const std::string& path) { std::filesystem::remove_all(path); }

SpoolOptions large() {
  SpoolOptions options;
  options.quota = {.bytes_max = uint64_t{64} << 30,
                   .owner_bytes_max = uint64_t{64} << 30,
                   .reserve_bytes = 0,
                   .low_water_bytes = 0};
  return options;
}

void count(benchmark::State& state, int64_t group) {
  state.SetItemsProcessed(state.iterations() * group);
  state.SetBytesProcessed(state.iterations() * group * static_cast<int64_t>(kSegmentBytes));
}

void bare_append_and_fdatasync(benchmark::State& state) {
  const std::string directory = fresh_directory();
  os::PosixFileSystem files;
  auto file = files.create_append(directory + "/bare").value();
  const Bytes segment(kSegmentBytes, 1);
  for (auto _ : state) {
    for (int64_t i = 0; i < state.range(0); ++i)
      if (!file->append({segment})) state.SkipWithError("append");
    if (!file->sync()) state.SkipWithError("sync");
  }
  count(state, state.range(0));
  remove_all(directory);
}
BENCHMARK(bare_append_and_fdatasync)->Arg(1)->Arg(8)->Arg(64)->Arg(512)->UseRealTime();

void spool_append_and_sync(benchmark::State& state) {
  const std::string directory = fresh_directory();
  os::PosixFileSystem files;
  os::SystemClock clock;
  auto spool = Spool::open(files, directory, clock, large()).value();
  TestStream stream(1);
  std::vector<Bytes> group;
  for (auto _ : state) {
    state.PauseTiming();
    group.clear();
    for (int64_t i = 0; i < state.range(0); ++i) group.push_back(stream.next(kPayload));
    state.ResumeTiming();
    for (const Bytes& segment : group)
      if (!spool->append(segment, 1, 1000)) state.SkipWithError("append");
    if (!spool->sync()) state.SkipWithError("sync");
  }
  count(state, state.range(0));
  spool.reset();
  remove_all(directory);
}
BENCHMARK(spool_append_and_sync)->Arg(1)->Arg(8)->Arg(64)->Arg(512)->UseRealTime();

// A spool of so many segments, opened anew: what an agent's restart waits for.
void spool_open(benchmark::State& state) {
  const std::string directory = fresh_directory();
  os::PosixFileSystem files;
  os::SystemClock clock;
  {
    auto spool = Spool::open(files, directory, clock, large()).value();
    TestStream stream(1);
    for (int64_t i = 0; i < state.range(0); ++i)
      if (!spool->append(stream.next(kPayload), 1, 1000)) state.SkipWithError("append");
    if (!spool->sync()) state.SkipWithError("sync");
  }
  for (auto _ : state) benchmark::DoNotOptimize(Spool::open(files, directory, clock, large()));
  count(state, state.range(0));
  remove_all(directory);
}
BENCHMARK(spool_open)->Arg(10'000)->Unit(benchmark::kMillisecond)->UseRealTime();

// Handed out, accepted and covered, in requests of 256 segments.
void spool_ship(benchmark::State& state) {
  const std::string directory = fresh_directory();
  os::PosixFileSystem files;
  os::SystemClock clock;
  auto spool = Spool::open(files, directory, clock, large()).value();
  TestStream stream(1);
  uint64_t index = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < 256; ++i)
      if (!spool->append(stream.next(kPayload), 1, 1000)) state.SkipWithError("append");
    if (!spool->sync()) state.SkipWithError("sync");
    state.ResumeTiming();
    const auto out = spool->next(16 << 20, 256);
    for (const Outgoing& one : *out)
      if (!spool->accepted(one.stream, one.sequence, index++, leaf_of(one.bytes)))
        state.SkipWithError("accepted");
    for (const Outgoing& one : *out)
      if (!spool->covered(one.stream, one.sequence)) state.SkipWithError("covered");
  }
  count(state, 256);
  spool.reset();
  remove_all(directory);
}
BENCHMARK(spool_ship)->UseRealTime();

}  // namespace
}  // namespace stele::spool
