#include "logsrv/sequencer.h"

#include <iterator>
#include <numeric>

namespace stele::logsrv {

Sequencer::Sequencer(std::unique_ptr<ledger::Ledger> ledger, SequencerOptions options)
    : options_(options), ledger_(std::move(ledger)) {}

Sequencer::~Sequencer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  if (thread_.joinable()) thread_.join();
  while (step()) {
  }
}

Status Sequencer::submit(std::vector<ledger::Incoming> segments, Done done) {
  const size_t bytes = std::accumulate(
      segments.begin(), segments.end(), size_t{0},
      [](size_t sum, const ledger::Incoming& segment) { return sum + segment.bytes.size(); });
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return fail(*failure_);
    if (stopping_) return fail(Code::kBusy, "the server is stopping");
    if (!waiting_.empty() && waiting_bytes_ + bytes > options_.waiting_bytes_max)
      return fail(Code::kBusy, "too much waits for the disk");
    waiting_bytes_ += bytes;
    waiting_.push_back({std::move(segments), bytes, std::move(done)});
  }
  work_.notify_one();
  return {};
}

void Sequencer::start() {
  thread_ = std::thread([this] { run(); });
}

void Sequencer::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
    }
    step();
  }
}

bool Sequencer::step() {
  std::vector<Batch> round = take_round();
  if (round.empty()) return false;
  const Pulse::Step at_work(pulse_);
  answer(round, commit(round));
  return true;
}

// Whole batches, in the order they came.
std::vector<Sequencer::Batch> Sequencer::take_round() {
  const std::lock_guard lock(mutex_);
  size_t bytes = 0, count = 0;
  for (; count < waiting_.size(); ++count) {
    if (count > 0 && bytes + waiting_[count].bytes > options_.round_bytes_max) break;
    bytes += waiting_[count].bytes;
  }
  const auto end = waiting_.begin() + static_cast<ptrdiff_t>(count);
  std::vector<Batch> round(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  waiting_bytes_ -= bytes;
  return round;
}

Result<Sequencer::Results> Sequencer::commit(const std::vector<Batch>& round) {
  if (const auto failed = failure()) return fail(*failed);
  std::vector<ledger::Incoming> all;
  for (const Batch& batch : round)
    all.insert(all.end(), batch.segments.begin(), batch.segments.end());
  auto results = ledger_->append(all);
  // A full disk may have room again, and a store answer; nothing was acknowledged.
  const bool is_passing =
      !results && (results.error().code == Code::kNoSpace || results.error().code == Code::kBusy);
  {
    const std::lock_guard lock(mutex_);
    trouble_ = is_passing ? std::optional(results.error()) : std::nullopt;
  }
  if (is_passing) return results;
  const Status synced = results ? ledger_->sync() : fail(results.error());
  if (synced) return results;
  const std::lock_guard lock(mutex_);
  failure_ = synced.error();
  return fail(synced.error());
}

void Sequencer::answer(std::vector<Batch>& round, Result<Results> results) {
  if (!results) {
    for (Batch& batch : round) batch.done(*ledger_, fail(results.error()));
    return;
  }
  SequencerCounts now;
  auto from = results->begin();
  for (Batch& batch : round) {
    const auto to = from + static_cast<ptrdiff_t>(batch.segments.size());
    for (auto result = from; result != to; ++result) {
      if (!*result) ++now.refused;
      if (!*result || !(*result)->index) continue;
      ++now.segments;
      now.bytes += (*result)->leaf.segment_bytes;
    }
    batch.done(*ledger_, Results(std::make_move_iterator(from), std::make_move_iterator(to)));
    from = to;
  }
  const std::lock_guard lock(mutex_);
  ++counts_.rounds;
  counts_.segments += now.segments;
  counts_.bytes += now.bytes;
  counts_.refused += now.refused;
}

std::optional<Error> Sequencer::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::optional<Error> Sequencer::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

SequencerCounts Sequencer::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace stele::logsrv
