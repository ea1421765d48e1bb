#include "agent/shipping.h"

#include <algorithm>

namespace stele::agent {

Shipping::Shipping(SharedSpool& spool, LogMemory& memory, receipt::VerifierKey log_key,
                   receipt::Checkpoint last, std::unique_ptr<ServerLink> server, Openings& openings,
                   Tell tell, Clock& clock)
    : spool_(spool),
      memory_(memory),
      openings_(openings),
      clock_(clock),
      tell_(std::move(tell)),
      server_(std::move(server)),
      watch_(std::move(log_key), last,
             [this](const std::string& path) { return server_->fetch(path); }),
      shipper_(spool, watch_, [this](ByteSpan request) { return server_->post_segments(request); },
               clock,
               {.acknowledged =
                    [&openings](const StreamId& stream, uint32_t sequence) {
                      if (sequence == 0) openings.acknowledged(stream);
                    }}),
      confirmed_at_(clock.boot() - kWatchEvery),
      jitter_(static_cast<unsigned>(micros(clock.wall()))),
      believed_(std::move(last)),
      thread_([this] { run(); }) {}

Shipping::~Shipping() {
  if (thread_.joinable()) finish(Micros(0));
}

void Shipping::finish(Micros longest) {
  {
    const std::lock_guard lock(mutex_);
    finish_until_ = clock_.boot() + longest;
  }
  spool_.wake();
  thread_.join();
}

receipt::Checkpoint Shipping::believed() const {
  const std::lock_guard lock(mutex_);
  return believed_;
}

bool Shipping::is_stopping() const {
  const std::lock_guard lock(mutex_);
  return finish_until_.has_value();
}

void Shipping::run() {
  uint64_t seen = 0;
  while (!is_stopping() && !spool_.failure()) {
    const Status done = step();
    note_outcome(done);
    if (done) {
      seen = spool_.wait_synced(seen, kConfirmEvery);
    } else {
      spool_.wait_synced(UINT64_MAX, pause());  // new segments are no reason to try sooner
    }
  }
  // A server that does not answer is no reason to keep a machine from going down.
  if (failures_ == 0) ship_the_last();
}

void Shipping::ship_the_last() {
  const auto is_over = [this] {
    const std::lock_guard lock(mutex_);
    return clock_.boot() >= finish_until_;
  };
  for (Result<bool> more = true; more.value_or(false) && !is_over() && !spool_.failure();) {
    const Pulse::Step at_work(pulse_);
    more = shipper_.ship();
    if (!more) note_outcome(fail(more.error()));
  }
}

// All that waits is shipped; the log is looked at once a second while something waits to be proven,
// and now and then all the same: every host watches the server.
Status Shipping::step() {
  for (bool more = true; more && !is_stopping();) {
    const Pulse::Step at_work(pulse_);
    TRY(more, shipper_.ship());
    const bool waits = spool_.with(
        [](const spool::Spool& spool) { return spool.depth().oldest_acknowledged.has_value(); });
    const Micros since = clock_.boot() - confirmed_at_;
    if (since < (waits ? kConfirmEvery : kWatchEvery)) continue;
    confirmed_at_ = clock_.boot();
    Status confirmed = shipper_.confirm();
    TRY_VOID(memory_.keep(watch_));
    // Distrust stops freeing, not shipping: what is on the server too is harder to lose.
    if (!confirmed && !shipper_.distrust()) return confirmed;
  }
  return {};
}

void Shipping::note_outcome(const Status& done) {
  for (const event::Finding& finding : shipper_.take_findings()) tell_(finding);
  failures_ = done ? 0 : failures_ + 1;
  openings_.set_reachable(done.has_value());
  if (!done && !std::exchange(unreachable_, true))
    tell_({{},
           "nothing can be shipped for now, it stays in the spool: " + done.error().message(),
           {},
           {}});
  if (done && std::exchange(unreachable_, false)) tell_({{}, "shipping goes on", {}, {}});
  const std::lock_guard lock(mutex_);
  believed_ = watch_.last();
}

Micros Shipping::pause() {
  const Micros longest =
      std::min<Micros>(kPauseMax, std::chrono::milliseconds(250) * (1 << std::min(failures_, 10)));
  return longest / 2 + Micros(jitter_() % static_cast<uint64_t>(longest.count() / 2 + 1));
}

}  // namespace stele::agent
