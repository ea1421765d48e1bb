// Sequencer: the one writer of a server's ledger. What many connections bring at once becomes one
// write and one sync: group commit.
//
// Invariants
//  1. A batch is answered only when everything of it that was taken is durable.
//  2. After a failed sync nothing is taken any more: whoever owns this stops the process, and the
//     next one re-reads what the disk has.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/pulse.h"
#include "ledger/ledger.h"

namespace stele::logsrv {

struct SequencerOptions {
  size_t waiting_bytes_max = size_t{64} << 20;  // over that, submit() says kBusy
  size_t round_bytes_max = size_t{16} << 20;    // of one write; a single batch may be larger
};

/// What happened since the start, for /metrics.
struct SequencerCounts {
  uint64_t rounds = 0;    // one write and one sync each
  uint64_t segments = 0;  // taken; not counting those that were there before
  uint64_t bytes = 0;
  uint64_t refused = 0;
};

class Sequencer {
 public:
  using Results = std::vector<Result<ledger::Appended>>;  // one for each segment
  /// Called once, from the sequencer's thread: must be quick. An error: of the whole batch nothing
  /// is known; submitting it again is right. `ledger` may be asked for tails.
  using Done = std::function<void(const ledger::Ledger& ledger, Result<Results>)>;

  /// Nobody else uses the ledger object as long as this lives.
  Sequencer(std::unique_ptr<ledger::Ledger> ledger, SequencerOptions options);
  /// Does what waits, and stops.
  ~Sequencer();

  /// From any thread. The bytes must stay until `done` is called. kBusy: too much waits already;
  /// kIo: it has failed before. `done` is then not called.
  Status submit(std::vector<ledger::Incoming> segments, Done done);

  /// Begins the thread "sequencer".
  void start();
  /// One round of what waits, for a caller without the thread. False: there was nothing.
  bool step();

  /// Why nothing is taken any more; nullopt: it works.
  std::optional<Error> failure() const;
  /// Why the last round took nothing, where the next may; nullopt: it did.
  std::optional<Error> trouble() const;
  SequencerCounts counts() const;
  /// A step is one round.
  const Pulse& pulse() const { return pulse_; }

 private:
  struct Batch {
    std::vector<ledger::Incoming> segments;
    size_t bytes;
    Done done;
  };
  std::vector<Batch> take_round();
  Result<Results> commit(const std::vector<Batch>& round);
  void answer(std::vector<Batch>& round, Result<Results> results);
  void run();

  const SequencerOptions options_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::vector<Batch> waiting_;
  size_t waiting_bytes_ = 0;
  bool stopping_ = false;
  std::optional<Error> failure_, trouble_;
  SequencerCounts counts_;

  Pulse pulse_;
  std::unique_ptr<ledger::Ledger> ledger_;  // the thread's, or step()'s caller's
  std::thread thread_;
};

}  // namespace stele::logsrv
