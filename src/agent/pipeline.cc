#include "agent/pipeline.h"

#include <algorithm>
#include <utility>

#include "os/memory.h"
#include "os/thread.h"

namespace stele::agent {
namespace {

using event::Lane;

// A segment closes when it holds this much, or when its first event is this old; the rest of the
// second is for the sync.
constexpr size_t kSegmentBytes = size_t{256} << 10;
constexpr Micros kSegmentAge = std::chrono::milliseconds(900);
// What is elided is small, but its recorder holds all of it until a segment is durable (the window
// of wire-session.md is 8 MiB).
constexpr uint64_t kElidedBytes = uint64_t{2} << 20;
// The capture waits when this much is not yet sealed.
constexpr size_t kPendingBytesMax = size_t{2} << 20;
// The kernel can not wait: what it tells beyond so much is refused. What else is noted always has
// room below kLanePlainBytesMax.
constexpr size_t kKernelBytesMax = size_t{2} << 20;
// In a flood one sync serves many segments: at the latest after this time (or sync_bytes).
constexpr Micros kSyncEvery = std::chrono::milliseconds(500);
constexpr Micros kCoverEvery = std::chrono::seconds(1);
constexpr uint64_t kRekeyBytes = uint64_t{64} << 20;
constexpr Micros kRetryEvery = std::chrono::seconds(1);
// How hard to compress a segment of so many bytes of output (docs/benchmarks.md has the frontier):
// a person at work can afford nearly the best there is, a flood only the fastest good one. The
// histories keep an idle session's memory small.
struct Effort {
  size_t bytes_max;
  int level, window_log;
};
constexpr std::array<Effort, 2> kEfforts = {{{kSegmentBytes - 1, 16, 17}, {SIZE_MAX, 1, 19}}};
// A gentler effort ends the zstd frame and its history: only taken when the output falls well below
// its bound.
constexpr size_t kCalmer = 4;
// Facts are few and all alike: a harder effort makes them no smaller, and costs half a millisecond
// before the first byte.
constexpr int kSmallLaneWindowLog = 15, kFactsLevel = 3;

}  // namespace

size_t Pipeline::Pending::bytes() const {
  size_t total = 0;
  for (const auto& lane : lanes) total += lane.bytes().size();
  return total;
}

Pipeline::Pipeline(PipelineOptions options, StoreFactory open_store, segment::Sealer sealer,
                   Clock& clock)
    : options_(options),
      open_store_(std::move(open_store)),
      clock_(clock),
      sealer_(std::move(sealer)) {
  const Effort& calm = kEfforts.front();
  sealer_.set_level(Lane::kOutput, calm.level, calm.window_log);
  sealer_.set_level(Lane::kInput, calm.level, kSmallLaneWindowLog);
  sealer_.set_level(Lane::kFacts, kFactsLevel, kSmallLaneWindowLog);
}

Pipeline::~Pipeline() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  finish();
}

Status Pipeline::begin() {
  begun_ = true;
  if (!options_.own_thread) return {};
  TRY(thread_, os::start_thread([this] { run(); }));
  return {};
}

// The sealer's last rounds.
void Pipeline::finish() {
  work_.notify_one();
  if (thread_.joinable()) return thread_.join();
  if (begun_ && !options_.own_thread) do_what_is_due();
  begun_ = false;
}

Status Pipeline::open(const event::Start& start, uint64_t taken) {
  TRY_VOID(event(clock_.boot(), Lane::kFacts, start));
  Round round;
  {
    const std::lock_guard lock(mutex_);
    taken_ = std::max(taken_, taken);
    round = take_round(clock_.boot());
  }
  Status status = do_round(round);
  end_round(round, status);
  if (!status && !options_.fail_open) return status;
  return begin();
}

Status Pipeline::resume(uint64_t taken) {
  taken_ = taken;
  return begin();
}

void Pipeline::begin_batch(BootTime at) {
  pending_.first = pending_.last = at;
  pending_.wall_first = clock_.wall();
  for (auto& lane : pending_.lanes) lane.begin(at);
  tell_sealer_ = true;
}

void Pipeline::record(BootTime at, Lane lane, const event::Body& body) {
  if (pending_.count == 0) begin_batch(at);
  pending_.last = std::max(pending_.last, at);
  ++pending_.count;
  pending_.lanes[static_cast<size_t>(lane)].event(at, body);
}

// One event into the pending batch; content (screen and keys) waits for room, and is only counted
// while a gap lasts.
template <typename Encode>
Status Pipeline::add(BootTime at, Lane lane, size_t content_bytes, const Encode& encode) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] {
    return failed_ || gap_ || pending_.count == 0 ||
           pending_.bytes() + content_bytes <= kPendingBytesMax;
  });
  if (failed_) return fail(*failed_);
  if (gap_ && content_bytes > 0) {
    (lane == Lane::kOutput ? gap_->output_bytes : gap_->input_bytes) += content_bytes;
    ++taken_;
    return {};
  }
  if (pending_.count == 0) begin_batch(at);
  pending_.last = std::max(pending_.last, at);
  ++pending_.count;
  ++taken_;
  encode(pending_.lanes[static_cast<size_t>(lane)]);
  if (pending_.bytes() >= kSegmentBytes) work_.notify_one();
  return {};
}

Status Pipeline::leave_out() {
  const std::lock_guard lock(mutex_);
  ++taken_;
  return {};
}

Status Pipeline::output(BootTime at, ByteSpan bytes) {
  return add(at, Lane::kOutput, bytes.size(),
             [&](event::LaneEncoder& lane) { lane.output(at, bytes); });
}

Status Pipeline::input(BootTime at, ByteSpan bytes) {
  if (!options_.keep_input) return leave_out();
  return add(at, Lane::kInput, bytes.size(),
             [&](event::LaneEncoder& lane) { lane.input(at, bytes); });
}

Status Pipeline::event(BootTime at, Lane lane, const event::Body& body) {
  if (lane == Lane::kInput && !options_.keep_input) return leave_out();
  if (const auto* end = std::get_if<event::End>(&body)) {
    const std::lock_guard lock(mutex_);
    end_.emplace(at, *end);
    return failed_ ? Status(fail(*failed_)) : Status();
  }
  return add(at, lane, event::content_bytes(body), [&](event::LaneEncoder& encoder) {
    encoder.event(at, body);
    pending_.gap = pending_.gap || std::holds_alternative<event::Gap>(body);
  });
}

Status Pipeline::stand_for(BootTime at, const std::vector<event::Body>& bodies) {
  size_t content = 0;
  for (const event::Body& each : bodies) content += event::content_bytes(each);
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] {
    return failed_ || pending_.count == 0 || pending_.bytes() + content <= kPendingBytesMax;
  });
  if (failed_) return fail(*failed_);
  for (const event::Body& each : bodies) {
    record(at, event::lane_of(each), each);
    if (const auto* elided = std::get_if<event::Elided>(&each))
      pending_.elided_bytes += elided->bytes;
  }
  ++taken_;
  if (is_full()) work_.notify_one();
  return {};
}

Status Pipeline::note(BootTime at, const event::Body& body) {
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return fail(*failed_);
    const size_t facts = pending_.lanes[static_cast<size_t>(Lane::kFacts)].bytes().size();
    if (event::is_kernel_event(body) && facts > kKernelBytesMax)
      return fail(Code::kLimit, "more is executed than can be sealed");
    record(at, Lane::kFacts, body);
    pending_.gap = pending_.gap || std::holds_alternative<event::Gap>(body);
    tell_sealer_ = false;
  }
  work_.notify_one();
  return {};
}

// The sealer hears of a batch's first event only now, so that waking it delays no keystroke.
void Pipeline::passed_on() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(tell_sealer_, false) && options_.own_thread) return;
  }
  if (!options_.own_thread) return do_what_is_due();
  work_.notify_one();
}

Status Pipeline::close() {
  {
    const std::lock_guard lock(mutex_);
    (end_ ? closing_ : done_) = true;
  }
  finish();
  if (failed_) return fail(*failed_);
  if (gap_) return fail(Code::kIo, "the session was not recorded to its end: " + gap_->why);
  return {};
}

bool Pipeline::is_full() const {
  return pending_.bytes() >= kSegmentBytes || pending_.elided_bytes >= kElidedBytes;
}

bool Pipeline::segment_due(BootTime now) const {
  if (closing_) return true;
  if (pending_.count == 0) return false;
  if (done_) return true;  // nobody will close it, and nobody can say it again
  return is_full() || now >= pending_.first + kSegmentAge;
}

Pipeline::Round Pipeline::take_round(BootTime now) {
  Round round;
  round.stop = done_;
  round.closing = closing_;
  round.retry = gap_.has_value();
  const bool opening = !begun_;
  if (gap_ || !(segment_due(now) || opening)) return round;
  if (closing_ && end_) {
    record(end_->first, Lane::kFacts, end_->second);
    end_.reset();
    ++taken_;
  }
  round.full = pending_.bytes() >= kSegmentBytes;
  round.taken = taken_;
  segment::Batch& batch = round.batch.emplace();
  for (size_t lane = 0; lane < event::kLaneCount; ++lane)
    batch.lanes[lane] = pending_.lanes[lane].take();
  batch.wall_first = pending_.wall_first;
  batch.boot_first = pending_.first;
  batch.boot_last = pending_.last;
  batch.event_count = std::exchange(pending_.count, 0);
  batch.gap = std::exchange(pending_.gap, false);
  pending_.elided_bytes = 0;
  return round;
}

// When a segment, a sync, a checkpoint or another attempt is due; nullopt: nothing is.
std::optional<BootTime> Pipeline::next_due() const {
  std::optional<BootTime> due = gap_ ? retry_at_ : debt_due_;
  if (!gap_ && pending_.count > 0)
    due = std::min(due.value_or(BootTime::max()), pending_.first + kSegmentAge);
  return due;
}

bool Pipeline::round_due(BootTime now) const {
  const auto due = next_due();
  return done_ || closing_ || segment_due(now) || (due && now >= *due);
}

Pipeline::Round Pipeline::next_round() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const BootTime now = clock_.boot();
    if (round_due(now)) return take_round(now);
    if (const auto due = next_due()) {
      work_.wait_for(lock, *due - now);
    } else {
      work_.wait(lock);
    }
  }
}

// False: it was the last.
bool Pipeline::carry_out(Round round) {
  end_round(round, do_round(round));
  if (round.stop) return false;
  const std::lock_guard lock(mutex_);
  // A gap that ended in the closing round leaves one more: the one with the end in it.
  return !round.closing || (end_ && !gap_ && !failed_);
}

void Pipeline::run() {
  while (carry_out(next_round())) {
    if (!std::exchange(released_, true)) os::release_code();  // starting is over, waiting begins
  }
}

void Pipeline::do_what_is_due() {
  for (;;) {
    Round round;
    {
      const std::lock_guard lock(mutex_);
      const bool hopeless = failed_ && !done_;
      if (hopeless || !round_due(clock_.boot())) return;
      round = take_round(clock_.boot());
    }
    if (!carry_out(std::move(round))) return;
  }
}

Status Pipeline::do_round(Round& round) {
  TRY_VOID(seal_and_store(round));
  return settle(round.full, round.closing || !begun_);
}

Status Pipeline::seal_and_store(Round& round) {
  if (unsealed_) return fail(*unsealed_);
  if (!round.batch) return store();
  for (const Lane lane : {Lane::kOutput, Lane::kInput})
    adapt_effort(lane, round.batch->lanes[static_cast<size_t>(lane)].size());
  if (sealer_.bytes_since_rekey() >= kRekeyBytes) sealer_.rekey_next();
  const WallTime first = round.batch->wall_first;
  const auto key = sealer_.hold_key(first);  // its time must not end before the segment is stored
  auto sealed = sealer_.seal(*round.batch, round.closing);
  if (!sealed) {
    if (!options_.fail_open) unsealed_ = sealed.error();
    return fail(std::move(sealed).error());
  }
  uint64_t plain_bytes = 0;
  for (const Bytes& lane : round.batch->lanes) plain_bytes += lane.size();
  unconfirmed_.push_back(
      {std::move(sealed->bytes), round.taken, plain_bytes, sealed->header.key_epoch, first});
  return store();
}

// Appends what is not in the store yet. After a failed sync some of it may be there already, and
// some of that not.
Status Pipeline::store() {
  if (appended_ == unconfirmed_.size()) return {};
  if (!store_) {
    TRY(store_, open_store_());
  }
  const auto key = sealer_.hold_key(unconfirmed_.back().first);
  for (; appended_ < unconfirmed_.size(); ++appended_) {
    const Unconfirmed& next = unconfirmed_[appended_];
    // Its host said meanwhile what all was that the key before signed. Who sent it says it again.
    if (!key || key->epoch != next.key_epoch)
      return fail(Code::kInvalid, "the key of what could not be stored is in force no more");
    const Status appended = store_->append(next.segment, next.taken);
    const bool last = appended_ + 1 == unconfirmed_.size();
    if (!appended && (appended.error().code != Code::kConflict || last)) return appended;
    if (unsynced_bytes_ == 0) unsynced_since_ = clock_.boot();
    unsynced_bytes_ += next.plain_bytes;
  }
  if (!options_.fail_open) drop_confirmed();
  return {};
}

void Pipeline::drop_confirmed() {
  unconfirmed_.clear();
  appended_ = 0;
}

// Pays what is owed: a sync at once unless a flood may share it, a checkpoint about once a second,
// both at the end.
Status Pipeline::settle(bool flood, bool closing) {
  if (!store_) return {};
  const BootTime now = clock_.boot();
  const bool late = unsynced_bytes_ >= options_.sync_bytes || now >= unsynced_since_ + kSyncEvery;
  if (unsynced_bytes_ > 0 && (!flood || late || closing)) {
    TRY_VOID(store_->sync());
    unsynced_bytes_ = 0;
    drop_confirmed();
  }
  bool owes = true;  // at the opening, which has no time for it
  if (begun_) {
    TRY(owes, store_->cover(closing));
  }
  const std::lock_guard lock(mutex_);
  debt_due_.reset();
  if (owes) debt_due_ = now + kCoverEvery;
  if (unsynced_bytes_ > 0) debt_due_ = unsynced_since_ + kSyncEvery;
  return {};
}

// Keys are few: what floods their lane is piped.
void Pipeline::adapt_effort(Lane lane, size_t bytes) {
  size_t& now = effort_[static_cast<size_t>(lane)];
  size_t effort = now;
  while (bytes > kEfforts[effort].bytes_max) ++effort;
  while (effort > 0 && bytes * kCalmer <= kEfforts[effort - 1].bytes_max) --effort;
  if (std::exchange(now, effort) == effort) return;
  const int window =
      effort == 0 && lane == Lane::kInput ? kSmallLaneWindowLog : kEfforts[effort].window_log;
  sealer_.set_level(lane, kEfforts[effort].level, window);
}

void Pipeline::end_round(Round& round, const Status& status) {
  const std::lock_guard lock(mutex_);
  if (round.batch && round.full && pending_.count == 0) {
    for (size_t lane = 0; lane < event::kLaneCount; ++lane)
      pending_.lanes[lane].reuse(std::move(round.batch->lanes[lane]));
  }
  if (status && gap_) end_gap();
  if (!status && !options_.fail_open && !failed_) failed_ = status.error();
  if (!status && options_.fail_open) {
    // What was synced stays; a store that failed is opened anew.
    store_.reset();
    unsynced_bytes_ = 0;
    appended_ = 0;
    retry_at_ = clock_.boot() + kRetryEvery;
    if (!gap_) {
      gap_since_ = clock_.boot();
      gap_ = event::Gap{status.error().message(), 0, 0, Micros(0)};
    }
  }
  room_.notify_one();
}

void Pipeline::end_gap() {
  event::Gap gap = *std::exchange(gap_, std::nullopt);
  gap.duration = clock_.boot() - gap_since_;
  record(gap_since_, Lane::kFacts, gap);
  pending_.gap = true;
}

}  // namespace stele::agent
