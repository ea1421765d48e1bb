// Pipeline: one session's events in, sealed segments in their store out.
//
// Two threads: the capture's (open, the Sink calls, close) and one of its own, "sealer". Between
// them one batch under a mutex; when it is full the capture waits (back-pressure); nothing is
// dropped unless the session was started with fail-open, and then a gap says so. Simulated worlds
// have no threads: there the capture's does the sealer's rounds, when they are due.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "agent/store.h"
#include "event/codec.h"
#include "event/sink.h"
#include "segment/sealer.h"

namespace stele::agent {

using StoreFactory = std::function<Result<std::unique_ptr<Store>>()>;

struct PipelineOptions {
  bool fail_open = false;                    // go on when nothing can be recorded, and leave a gap
  bool keep_input = true;                    // false: the input lane stays empty (policy `none`)
  uint64_t sync_bytes = uint64_t{16} << 20;  // in a flood one sync serves so much
  bool own_thread = true;  // false: what is due is sealed in passed_on(), which may then block
};

class Pipeline : public event::Sink {
 public:
  /// The sealer must be fresh. `clock` is used by both threads.
  Pipeline(PipelineOptions options, StoreFactory open_store, segment::Sealer sealer, Clock& clock);
  /// Without close() before: what was taken is sealed, and the session is left cut.
  ~Pipeline() override;

  /// Records the start; when it returns, the opening segment is durable (or, with fail-open, the
  /// gap has begun). `taken`: how many of the session's events are durable elsewhere, this start
  /// among them, where this stream continues another; else 0.
  Status open(const event::Start& start, uint64_t taken = 0);

  /// Instead of open(), for a session whose recording broke off and goes on: `taken` of its events
  /// are durable already. The sealer must have been resumed.
  Status resume(uint64_t taken);

  Status output(BootTime at, ByteSpan bytes) override;
  Status input(BootTime at, ByteSpan bytes) override;
  Status event(BootTime at, event::Lane lane, const event::Body& body) override;
  void passed_on() override;

  /// In the place of one event, all of these: they are sealed in one segment.
  Status stand_for(BootTime at, const std::vector<event::Body>& bodies);

  /// A fact of the agent's own: not one of the events that the recorder counts. Any thread, between
  /// open() or resume() and close(). kLimit: it is the kernel's, and there is no room for
  /// it now.
  Status note(BootTime at, const event::Body& body);

  /// Seals the closing segment, with the End event that was given before; when it returns, the
  /// whole session is durable and covered by a checkpoint. Call once, after open(). Without an End
  /// the session is left cut.
  Status close();

 private:
  struct Pending {
    std::array<event::LaneEncoder, event::kLaneCount> lanes;
    BootTime first, last;
    WallTime wall_first;
    uint32_t count = 0;
    uint64_t elided_bytes = 0;  // that events in it stand for
    bool gap = false;
    size_t bytes() const;
  };
  // What the sealer does in one round, decided under the mutex and done without it.
  struct Round {
    std::optional<segment::Batch> batch;
    uint64_t taken = 0;  // events in it and before it
    bool full = false;   // the batch closed by its size: a flood
    bool retry = false;  // fail-open: the last round failed, try again
    bool closing = false;
    bool stop = false;
  };

  template <typename Encode>
  Status add(BootTime at, event::Lane lane, size_t content_bytes, const Encode& encode);
  Status leave_out();
  void begin_batch(BootTime at);
  Status begin();
  bool is_full() const;
  bool segment_due(BootTime now) const;
  std::optional<BootTime> next_due() const;
  bool round_due(BootTime now) const;
  Round next_round();
  Round take_round(BootTime now);
  void record(BootTime at, event::Lane lane, const event::Body& body);
  Status do_round(Round& round);
  void end_round(Round& round, const Status& status);
  bool carry_out(Round round);
  void run();
  void do_what_is_due();
  void finish();

  Status seal_and_store(Round& round);
  Status store();
  void drop_confirmed();
  Status settle(bool flood, bool closing);
  void adapt_effort(event::Lane lane, size_t bytes);
  void end_gap();

  const PipelineOptions options_;
  const StoreFactory open_store_;
  Clock& clock_;

  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable work_, room_;
  Pending pending_;
  uint64_t taken_ = 0;  // events handed in, whatever became of them; the end when it is sealed
  std::optional<Error> failed_;    // fail-closed: what ended the session
  std::optional<event::Gap> gap_;  // fail-open: what is being lost right now
  BootTime gap_since_, retry_at_;
  std::optional<BootTime> debt_due_;  // when a sync or a checkpoint is owed
  std::optional<std::pair<BootTime, event::End>>
      end_;  // until close() puts it in the closing segment
  bool tell_sealer_ = false, closing_ = false, done_ = false;
  bool begun_ = false;  // opened or resumed: not guarded, set before there is a second thread

  // The sealer thread's (open() uses them before it runs).
  segment::Sealer sealer_;
  std::unique_ptr<Store> store_;
  // Sealed and not known to be durable; with fail-closed only what is not yet appended.
  struct Unconfirmed {
    Bytes segment;
    uint64_t taken;
    uint64_t plain_bytes;
    uint32_t key_epoch;
    WallTime first;
  };
  std::vector<Unconfirmed> unconfirmed_;
  std::optional<Error> unsealed_;  // fail-closed: why a batch is nowhere; nothing may follow it
  size_t appended_ = 0;            // how many of them this store_ has taken
  uint64_t unsynced_bytes_ = 0;    // before they were compressed: who sent them holds so much
  BootTime unsynced_since_;
  std::array<size_t, event::kLaneCount> effort_{};  // of kEfforts: how hard a lane is compressed
  bool released_ = false;                           // the code that only starting needed
  std::thread thread_;
};

}  // namespace stele::agent
