// HostStream: a host's own stream, the keys it hands over in it, and the numbers of its sessions
// (docs/formats/host-stream.md).
#pragma once

#include <atomic>
#include <optional>
#include <span>

#include "agent/host_keys.h"
#include "agent/spool_store.h"
#include "event/codec.h"

namespace stele::agent {

struct HostStreamOptions {
  Micros rotate_every = std::chrono::minutes(10);
  Micros summary_every = std::chrono::minutes(10);
};

/// Any thread. What it is given must outlive it.
class HostStream {
 public:
  /// What is counted elsewhere; the stream fills in the rest. Called without locks of its own.
  using Measure = std::function<event::HostSummary()>;

  /// Reads keys and state, and brings an interrupted rotation to its end, or takes it back.
  /// `enrolled_epoch`: of a host that was just enrolled. Nothing is sealed yet.
  static Result<std::unique_ptr<HostStream>> open(os::FileSystem& files,
                                                  const std::string& directory,
                                                  uint32_t enrolled_epoch, SharedSpool& spool,
                                                  segment::SealFor seal_for, Clock& clock,
                                                  RandomSource random, HostStreamOptions options);

  /// What sealers of this host sign with.
  segment::HoldKey keys();
  const std::string& key_name() const { return keys_->name(); }

  /// Opens this run's stream, which continues the last one. Durable when it returns.
  Status begin(const event::HostStart& start, Measure measure);
  /// Summary and rotation, as they are due. To be called every few seconds.
  Status step();
  /// Says so in the stream, durably; where that can not be had now, with the next step.
  void find(event::Finding finding);
  /// Closes the stream.
  Status end(const std::string& why);

  /// A new key now. kNoSpace: the one before stays, for now.
  Status rotate();

  /// The next session's number; it is in the stream, with the session's, when this returns, and
  /// durable with the next sync.
  Result<uint64_t> number_session(const StreamId& session);
  /// Something that was sealed is damaged or gone before it was shipped.
  void count_lost() { ++lost_; }
  /// The server's clock less this one, as measured last.
  void set_offset(Micros offset);

  /// What the next summary would say.
  event::HostSummary summary() const;
  StreamId stream() const;

 private:
  HostStream(os::FileSystem& files, std::string directory, SharedSpool& spool,
             segment::SealFor seal_for, Clock& clock, RandomSource random,
             HostStreamOptions options);

  Status load(uint32_t enrolled_epoch);
  Result<bool> is_in_spool(const NextKey& next) const;
  Status save(HostState state);
  segment::Sealer make_sealer(const StreamId& stream);
  Status close_those_before();
  Status close_one_before(const spool::StreamState& state);
  Result<segment::Sealer*> sealer();
  Status continue_elsewhere(const spool::StreamState& refused);
  using Bodies = std::span<const event::Body>;
  segment::Batch batch_of(Bodies bodies);
  Status put(const event::Body& body, bool close = false) { return put_all({&body, 1}, close); }
  Status put_all(Bodies bodies, bool close = false);
  Status put_once(Bodies bodies, bool close);
  Status put_findings();
  Status append(const segment::Sealed& sealed);
  Status rotate_for(WallTime first);
  Status rotate_locked(WallTime first);
  Status hand_over(HostKeys::Standstill& still, NextKey& next);
  Status reserve_numbers();
  event::HostSummary summary_locked() const;
  bool is_counted_anew() const;
  Status summarise();
  std::vector<segment::Standing> standings() const;
  bool is_before_key(WallTime at) const;
  void note_clock();

  os::FileSystem& files_;
  const std::string directory_;
  SharedSpool& spool_;
  const segment::SealFor seal_for_;
  Clock& clock_;
  const RandomSource random_;
  const HostStreamOptions options_;
  std::unique_ptr<HostKeys> keys_;
  std::atomic<uint64_t> lost_ = 0;
  std::atomic<int64_t> not_before_us_ = 0;

  mutable std::mutex mutex_;  // guards what follows; taken before the keys and the spool
  HostState state_;
  uint64_t numbered_ = 0;  // session numbers given out
  std::optional<segment::Standing> continues_;
  std::optional<segment::Sealer> sealer_;  // none: to be made from what the spool has
  // What a rotation's segment is signed with, while it is made.
  const segment::HostSigner* signer_ = nullptr;
  Measure measure_;
  std::vector<event::Body> findings_;  // not in the stream yet
  uint64_t unsaid_ = 0;                // more of them, which there was no room for
  BootTime rotated_, summarised_;
  event::HostSummary said_;           // the last one
  WallTime looked_;                   // at the clock, last
  std::optional<Micros> clock_base_;  // the wall clock less the boot clock
  std::optional<Micros> offset_;
};

}  // namespace stele::agent
