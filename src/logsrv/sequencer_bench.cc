// How many leaves a second 64 writers commit durably, one segment each at a time, beside what the
// disk does for the same bytes without a ledger: one append of 64 records and one fdatasync.
//
// Target: 50,000 a second of 1 KiB segments. Set TMPDIR to a directory on the disk that is meant.
#include <benchmark/benchmark.h>

#include <barrier>
#include <filesystem>
#include <future>

#include "ledger/directory_ledger.h"
#include "ledger/keys.h"
#include "ledger/recipients_list.h"
#include "ledger/setup.h"
#include "logsrv/sequencer.h"
#include "os/clock.h"
#include "os/posix_file_system.h"
#include "os/random.h"
#include "segment/sealer.h"

namespace stele::logsrv {
namespace {

constexpr size_t kWriters = 64;
constexpr size_t kContentBytes = 1024 - segment::kHeaderBytes - segment::kSignatureBytes - 64;

/// A fresh ledger in a directory of its own, and what seals segments for it.
class Machine {
 public:
  Machine() {
    (void)ledger::set_up(files, layout, {"stele/bench/1", {}, {}}, clock, os::system_random)
        .value();
    host = std::make_unique<ledger::PrivateKey>(
        ledger::load_private_key(files, layout.host_key()).value());
    auto log = ledger::load_private_key(files, layout.log_key()).value();
    signer = std::make_shared<receipt::NoteSigner>(
        receipt::NoteSigner::make(log.name, std::move(log.key)).value());
  }
  ~Machine() {
    for (const auto& file : std::filesystem::recursive_directory_iterator(layout.directory))
      (void)files.protect(file.path(), os::Protection::kNone);
    std::filesystem::remove_all(layout.directory);
  }
  std::vector<Bytes> session(size_t segments) {
    const Bytes note = files.read(layout.recipients(), 1 << 16).value();
    const auto policy = ledger::load_verifier_key(files, layout.policy_vkey()).value();
    segment::Sealer sealer(
        make_uuid_v7(clock.wall(), os::system_random), segment::Kind::kSession,
        {host->key, segment::host_key_id(host->name, host->key.public_key().bytes), 1},
        ledger::sealing_recipients(ledger::open_recipients_list(note, policy).value(), note),
        os::system_random);
    std::vector<Bytes> out;
    for (size_t i = 0; i < segments; ++i) {
      segment::Batch batch;
      batch.lanes[1].resize(kContentBytes);
      os::system_random(batch.lanes[1]);
      batch.event_count = 1;
      out.push_back(sealer.seal(batch, false).value().bytes);
    }
    return out;
  }
  std::unique_ptr<ledger::Ledger> open() {
    return ledger::DirectoryLedger::open(files, layout, clock, signer).value();
  }

  os::PosixFileSystem files;
  os::SystemClock clock;
  const ledger::Layout layout{
      (std::filesystem::temp_directory_path() / "stele-sequencer-bench").string()};
  std::unique_ptr<ledger::PrivateKey> host;
  ledger::LogSigner signer;
};

void commit(Sequencer& sequencer, const Bytes& segment) {
  std::promise<bool> taken;
  const auto done = [&](const ledger::Ledger&, auto results) {
    taken.set_value(results && results->front());
  };
  if (!sequencer.submit({ledger::Incoming::of(segment).value()}, done) || !taken.get_future().get())
    std::abort();
}

void leaves_by_64_writers(benchmark::State& state) {
  Machine machine;
  const auto per_writer = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<std::vector<Bytes>> sessions;
    for (size_t i = 0; i < kWriters; ++i) sessions.push_back(machine.session(per_writer));
    Sequencer sequencer(machine.open(), {});
    sequencer.start();
    std::barrier begin(kWriters + 1);
    std::vector<std::thread> writers;
    for (const auto& mine : sessions) {
      writers.emplace_back([&] {
        begin.arrive_and_wait();
        for (const Bytes& segment : mine) commit(sequencer, segment);
      });
    }
    state.ResumeTiming();
    begin.arrive_and_wait();
    for (std::thread& writer : writers) writer.join();
    state.counters["leaves_a_sync"] = static_cast<double>(sequencer.counts().segments) /
                                      static_cast<double>(sequencer.counts().rounds);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kWriters * per_writer));
}
BENCHMARK(leaves_by_64_writers)
    ->Arg(500)
    ->Iterations(3)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// The limit: the bytes of 64 records appended and synced, again and again.
void appends_and_syncs(benchmark::State& state) {
  os::PosixFileSystem files;
  const std::string path = (std::filesystem::temp_directory_path() / "stele-append-bench").string();
  {
    const auto file = files.create_append(path).value();
    const Bytes records(kWriters * (1024 + segment::kLeafBytes), 7);
    for (auto _ : state) {
      if (!file->append({records}) || !file->sync()) std::abort();
    }
  }
  (void)files.remove(path);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kWriters));
}
BENCHMARK(appends_and_syncs)->Iterations(500)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace stele::logsrv
