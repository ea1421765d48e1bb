#include "agent/host_stream.h"

#include <algorithm>

namespace stele::agent {
namespace {

constexpr uint32_t kOwner = 0;           // whose records count against nobody
constexpr uint64_t kNumbersAtOnce = 64;  // of sessions, made durable together
constexpr Micros kStepMin = std::chrono::seconds(1);
constexpr Micros kBackMax = std::chrono::minutes(4);  // verifiers have patience for 5
constexpr size_t kStateBytesMax = 4096, kFindingsMax = 256;

Micros distance(Clock& clock) { return Micros(micros(clock.wall()) - micros(clock.boot())); }

/// A host's own stream is facts; where nobody may read those, whoever may read anything.
segment::SealFor facts_only(segment::SealFor seal_for) {
  return [seal_for = std::move(seal_for)]() -> std::shared_ptr<const segment::Recipients> {
    auto all = seal_for();
    if (all->lanes[0].empty()) return all;
    return std::make_shared<const segment::Recipients>(
        segment::Recipients{{all->lanes[0], {}, {}}, all->list_hash});
  };
}

}  // namespace

HostStream::HostStream(os::FileSystem& files, std::string directory, SharedSpool& spool,
                       segment::SealFor seal_for, Clock& clock, RandomSource random,
                       HostStreamOptions options)
    : files_(files),
      directory_(std::move(directory)),
      spool_(spool),
      seal_for_(facts_only(std::move(seal_for))),
      clock_(clock),
      random_(std::move(random)),
      options_(options),
      rotated_(clock.boot()),
      summarised_(clock.boot()),
      looked_(clock.wall()) {}

Result<std::unique_ptr<HostStream>> HostStream::open(os::FileSystem& files,
                                                     const std::string& directory,
                                                     uint32_t enrolled_epoch, SharedSpool& spool,
                                                     segment::SealFor seal_for, Clock& clock,
                                                     RandomSource random,
                                                     HostStreamOptions options) {
  std::unique_ptr<HostStream> stream(new HostStream(files, directory, spool, std::move(seal_for),
                                                    clock, std::move(random), options));
  TRY_VOID(stream->load(enrolled_epoch));
  return stream;
}

Status HostStream::load(uint32_t enrolled_epoch) {
  state_.epoch = enrolled_epoch;
  const std::string path = directory_ + "/host.state";
  const auto read = [&]() -> Status {
    const auto text = files_.read(path, kStateBytesMax);
    if (!text && text.error().code == Code::kNotFound) return {};
    if (!text) return fail(text.error());
    auto state = parse_host_state(as_text(*text));
    if (!state) return fail(std::move(state).error().within(path));
    state_ = *state;
    return {};
  };
  TRY_VOID(read());
  TRY(const auto next, HostKeys::interrupted(files_, directory_));
  if (next) {
    TRY(const bool committed, is_in_spool(*next));
    TRY_VOID(committed ? HostKeys::finish(files_, directory_, *next)
                       : HostKeys::give_up(files_, directory_));
    TRY_VOID(read());
  }
  TRY(auto key, ledger::load_private_key(files_, directory_ + "/host.key"));
  keys_ = std::make_unique<HostKeys>(files_, directory_, std::move(key), state_.epoch);
  not_before_us_ = micros(state_.not_before);
  numbered_ = state_.sessions;
  const auto last =
      spool_.with([&](const spool::Spool& spool) { return spool.find(state_.stream); });
  if (last && last->tail.next_sequence > 0)
    continues_ = {state_.stream, last->tail.next_sequence, last->tail.last_hash};
  return {};
}

// The last thing that the host stream was to hold from the key before is the rotation to this one.
Result<bool> HostStream::is_in_spool(const NextKey& next) const {
  const auto last =
      spool_.with([&](const spool::Spool& spool) { return spool.find(state_.stream); });
  return last && last->tail.owner == HostKeys::Standstill::signer_of(next).id;
}

Status HostStream::save(HostState state) {
  TRY_VOID(files_.replace(directory_ + "/host.state", as_bytes(encode(state))));
  state_ = state;
  return {};
}

bool HostStream::is_before_key(WallTime at) const {
  return micros(at) < not_before_us_ - kBackMax.count();
}

// Nothing is to claim to be older than its key: an honest host would be accused. A clock was set
// back, or was while this happened; another rotation may come between, but not while the key is
// held. Without room for another key, what came is said again later.
segment::HoldKey HostStream::keys() {
  return [this](WallTime first) -> std::shared_ptr<const segment::HostSigner> {
    for (;;) {
      if (auto key = keys_->hold(); !is_before_key(first)) return key;
      if (!rotate_for(first) && is_before_key(first)) return nullptr;
    }
  };
}

segment::Sealer HostStream::make_sealer(const StreamId& stream) {
  return {stream, segment::Kind::kHost,
          [this](WallTime) -> std::shared_ptr<const segment::HostSigner> {
            if (signer_ != nullptr) return std::make_shared<const segment::HostSigner>(*signer_);
            return keys_->hold();
          },
          seal_for_, random_};
}

// After an append that failed: the stream goes on from what the spool has.
Result<segment::Sealer*> HostStream::sealer() {
  if (sealer_) return &*sealer_;
  TRY_VOID(spool_.sync());  // what was appended before counts too
  auto last = spool_.with([&](const spool::Spool& spool) { return spool.find(state_.stream); });
  if (last && last->set_aside) {
    TRY_VOID(continue_elsewhere(*last));
    last.reset();
  }
  sealer_.emplace(make_sealer(state_.stream));
  if (last && last->tail.next_sequence > 0) {
    sealer_->resume(last->tail.next_sequence, last->tail.last_hash);
  } else if (continues_) {
    sealer_->carry({.continues = continues_});
  }
  return &*sealer_;
}

// The server refused a segment of it for good.
Status HostStream::continue_elsewhere(const spool::StreamState& refused) {
  HostState state = state_;
  state.stream = make_uuid_v7(clock_.wall(), random_);
  TRY_VOID(save(state));
  continues_.reset();
  if (refused.tail.next_sequence > 0)
    continues_ = {refused.stream, refused.tail.next_sequence, refused.tail.last_hash};
  spool_.with([&](spool::Spool& spool) { spool.forget(refused.stream); });
  return {};
}

// A clock that was set back is known to be wrong where its key is younger: nothing is to claim to
// be older than the key, until step() has made another.
segment::Batch HostStream::batch_of(Bodies bodies) {
  segment::Batch batch;
  batch.wall_first = std::max(clock_.wall(), state_.not_before);
  batch.boot_first = batch.boot_last = clock_.boot();
  if (bodies.empty()) return batch;
  event::LaneEncoder encoder;
  encoder.begin(batch.boot_first);
  for (const event::Body& body : bodies) encoder.event(batch.boot_first, body);
  batch.lanes[static_cast<size_t>(event::Lane::kFacts)] = encoder.take();
  batch.event_count = static_cast<uint32_t>(bodies.size());
  return batch;
}

Status HostStream::append(const segment::Sealed& sealed) {
  const uint64_t taken = uint64_t{sealed.header.sequence} + 1;
  return spool_.append(sealed.bytes, taken, kOwner, spool::Room::kReserve);
}

// One segment. Not synced.
Status HostStream::put_all(Bodies bodies, bool close) {
  const Status done = put_once(bodies, close);
  if (done || done.error().code != Code::kConflict) return done;
  return put_once(bodies, close);  // it was set aside meanwhile
}

Status HostStream::put_once(Bodies bodies, bool close) {
  TRY(segment::Sealer * to, sealer());
  const segment::Batch batch = batch_of(bodies);
  const auto key = to->hold_key(batch.wall_first);  // until it is in the spool
  const auto sealed = to->seal(batch, close);
  Status done = sealed ? append(*sealed) : fail(sealed.error());
  if (!done) sealer_.reset();
  return done;
}

// An agent that was killed did not close its stream; nor did one that was killed while it began
// another, which then is none that is remembered.
Status HostStream::close_those_before() {
  const auto streams = spool_.with([](const spool::Spool& spool) { return spool.streams(); });
  for (const spool::StreamState& each : streams) {
    const bool is_host_stream = each.stream == state_.stream || each.kind == segment::Kind::kHost;
    if (!is_host_stream || each.tail.closed || each.set_aside || each.tail.next_sequence == 0)
      continue;
    const Status closed = close_one_before(each);
    const bool is_full =
        !closed && (closed.error().code == Code::kNoSpace || closed.error().code == Code::kLimit);
    if (!closed && !is_full) return closed;
  }
  return {};
}

Status HostStream::close_one_before(const spool::StreamState& state) {
  segment::Sealer sealer = make_sealer(state.stream);
  sealer.resume(state.tail.next_sequence, state.tail.last_hash);
  const event::Body stopped = event::HostStop{"killed; the next agent says so"};
  const segment::Batch batch = batch_of({&stopped, 1});
  const auto key = sealer.hold_key(batch.wall_first);
  TRY(const auto sealed, sealer.seal(batch, true));
  TRY_VOID(append(sealed));
  if (state.stream == state_.stream)
    continues_ = {state.stream, sealed.header.sequence + 1, sealed.hash};
  return {};
}

Status HostStream::begin(const event::HostStart& start, Measure measure) {
  const std::lock_guard lock(mutex_);
  measure_ = std::move(measure);
  TRY_VOID(close_those_before());
  event::HostStart opening = start;
  opening.sessions = state_.sessions;
  state_.stream = make_uuid_v7(clock_.wall(), random_);
  sealer_.reset();
  TRY_VOID(put(opening));
  TRY_VOID(spool_.sync());
  // Last: until then a restart goes on from the stream before.
  TRY_VOID(save(state_));
  clock_base_ = distance(clock_);
  return {};
}

event::HostSummary HostStream::summary_locked() const {
  event::HostSummary summary = measure_();
  summary.sessions = numbered_;
  summary.lost = lost_;
  summary.offset = offset_;
  return summary;
}

event::HostSummary HostStream::summary() const {
  const std::lock_guard lock(mutex_);
  return summary_locked();
}

// Of terminals: what a killed agent did not say, nobody would know.
bool HostStream::is_counted_anew() const {
  const event::HostSummary now = measure_();
  return now.seen != said_.seen || now.covered != said_.covered ||
         now.unrecorded != said_.unrecorded;
}

Status HostStream::summarise() {
  const event::HostSummary summary = summary_locked();
  TRY_VOID(put(summary));
  said_ = summary;
  summarised_ = clock_.boot();
  return spool_.sync();
}

// A clock that is set, not one that drifts. Where there is no room, with the next step. It is
// synced with the next summary, at the latest.
void HostStream::note_clock() {
  const Micros now = distance(clock_);
  const Micros by = now - *clock_base_;
  const bool is_set = by >= kStepMin || by <= -kStepMin;
  if (!is_set || put(event::ClockStep{by})) clock_base_ = now;
}

Status HostStream::step() {
  const std::lock_guard lock(mutex_);
  note_clock();
  (void)put_findings();  // where there is no room, with the next step
  const BootTime now = clock_.boot();
  if (now - summarised_ >= options_.summary_every || is_counted_anew()) TRY_VOID(summarise());
  const WallTime wall = clock_.wall();
  if (now - rotated_ >= options_.rotate_every || is_before_key(wall)) TRY_VOID(rotate_locked(wall));
  looked_ = clock_.wall();
  return {};
}

// All that was not said before, in one segment.
Status HostStream::put_findings() {
  if (findings_.empty()) return {};
  std::vector<event::Body> bodies = findings_;
  if (unsaid_ > 0) {
    bodies.emplace_back(
        event::Finding{"unsaid",
                       std::to_string(unsaid_) + " more findings stand in the host's journal alone",
                       {},
                       {}});
  }
  TRY_VOID(put_all(bodies));
  findings_.clear();
  unsaid_ = 0;
  return spool_.sync();
}

void HostStream::find(event::Finding finding) {
  const std::lock_guard lock(mutex_);
  if (findings_.size() < kFindingsMax) {
    findings_.emplace_back(std::move(finding));
  } else {
    ++unsaid_;
  }
  if (measure_) (void)put_findings();  // else the stream has not begun
}

Status HostStream::end(const std::string& why) {
  const std::lock_guard lock(mutex_);
  (void)put_findings();
  TRY_VOID(summarise());
  TRY_VOID(put(event::HostStop{why}, true));
  TRY_VOID(spool_.sync());
  measure_ = nullptr;  // nothing can be said any more
  HostState state = state_;
  state.sessions = numbered_;  // all that were given out: nothing is skipped
  return save(state);
}

Status HostStream::rotate() {
  const std::lock_guard lock(mutex_);
  return rotate_locked(clock_.wall());
}

// To a key that may sign what happened then, if this one may not.
Status HostStream::rotate_for(WallTime first) {
  const std::lock_guard lock(mutex_);
  return is_before_key(first) ? rotate_locked(first) : Status();
}

// Where everything stood that the key signed for: what is open, and what is not proven yet.
std::vector<segment::Standing> HostStream::standings() const {
  std::vector<segment::Standing> all;
  const auto streams = spool_.with([](const spool::Spool& spool) { return spool.streams(); });
  for (const spool::StreamState& s : streams) {
    if (s.stream != state_.stream && s.tail.next_sequence > 0)
      all.push_back({s.stream, s.tail.next_sequence, s.tail.last_hash});
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.stream < b.stream; });
  return all;
}

Status HostStream::rotate_locked(WallTime first) {
  HostKeys::Standstill still(*keys_);
  TRY_VOID(spool_.sync());
  // What waits to be sealed must not claim to be older than its key. It may have happened before a
  // pause, or before somebody set the clock forward: but not before the clock was last looked at.
  const WallTime not_before = std::min({looked_, clock_.wall(), first});
  NextKey next{
      still.now().epoch + 1, not_before, {keys_->name(), crypto::SigningKey::generate(random_)}};
  TRY_VOID(still.prepare(next));
  const Status handed_over = hand_over(still, next);
  signer_ = nullptr;
  if (!handed_over) {
    sealer_.reset();
    return handed_over;
  }
  HostState state = state_;
  state.epoch = next.epoch;
  state.not_before = next.not_before;
  Status adopted = still.adopt(std::move(next));
  state_ = state;
  not_before_us_ = micros(state.not_before);
  rotated_ = clock_.boot();
  return adopted;
}

// The rotation into the spool, durably; a list that is too long begins before it.
Status HostStream::hand_over(HostKeys::Standstill& still, NextKey& next) {
  const auto all = standings();
  const size_t parts = all.empty() ? 0 : (all.size() - 1) / segment::kAgreedMax;
  if (parts > segment::kAgreedPartsMax)
    return fail(Code::kLimit, "too many streams are open for another key: it stays");
  TRY(segment::Sealer * to, sealer());
  const segment::HostSigner before = still.now(), after = HostKeys::Standstill::signer_of(next);
  const auto place = [&](size_t part) {
    const auto begin = all.begin() + static_cast<ptrdiff_t>(part * segment::kAgreedMax);
    const auto left = static_cast<size_t>(all.end() - begin);
    return std::vector<segment::Standing>(
        begin, begin + static_cast<ptrdiff_t>(std::min(left, segment::kAgreedMax)));
  };
  signer_ = &before;
  for (size_t part = 0; part < parts; ++part) {
    to->carry({.agreed = place(part)});
    TRY(const auto sealed, to->seal(batch_of({}), false));
    TRY_VOID(append(sealed));
  }
  signer_ = &after;
  to->carry({.agreed = place(parts),
             .rotation = segment::Rotation{.old_key = before.id,
                                           .epoch = after.epoch,
                                           .new_key = after.key.public_key().bytes,
                                           .not_before = next.not_before,
                                           .parts = static_cast<uint32_t>(parts)},
             .old_key = &before.key});
  TRY(const auto sealed, to->seal(batch_of({}), false));
  TRY_VOID(append(sealed));
  return spool_.sync();
}

Status HostStream::reserve_numbers() {
  HostState state = state_;
  state.sessions = numbered_ + kNumbersAtOnce;
  return save(state);
}

// On a full disk what is put makes room, from the spool's reserve. Where that has none either, a
// crash could give numbers out twice; a session without a record would be worse.
Result<uint64_t> HostStream::number_session(const StreamId& session) {
  const std::lock_guard lock(mutex_);
  const Status reserved = numbered_ < state_.sessions ? Status() : reserve_numbers();
  if (!reserved && reserved.error().code != Code::kNoSpace) return fail(reserved.error());
  TRY_VOID(put(event::SessionNumber{numbered_ + 1, session}));
  ++numbered_;
  if (!reserved) (void)reserve_numbers();
  return numbered_;
}

void HostStream::set_offset(Micros offset) {
  const std::lock_guard lock(mutex_);
  offset_ = offset;
}

StreamId HostStream::stream() const {
  const std::lock_guard lock(mutex_);
  return state_.stream;
}

}  // namespace stele::agent
