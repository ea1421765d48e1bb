#include "server/scrubber.h"

#include <algorithm>

#include "os/supervisor.h"
#include "server/protecting.h"

namespace stele::server {
namespace {

using namespace std::chrono_literals;

constexpr Micros kRestMin = 50ms, kRestMax = 1min, kTryAgainAfter = 10s;

}  // namespace

Scrubber::Scrubber(os::FileSystem& files, const ledger::Layout& layout, receipt::VerifierKey log,
                   Clock& clock, OwnStream& own, Micros every)
    : files_(files),
      layout_(layout),
      clock_(clock),
      own_(own),
      every_(every),
      scrub_(files, layout, std::move(log), clock) {
  thread_ = std::thread([this] { run(); });
}

Scrubber::~Scrubber() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_one();
  thread_.join();
}

Scrubber::Counts Scrubber::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Scrubber::run() {
  for (Micros rest{0};;) {
    {
      std::unique_lock lock(mutex_);
      if (stop_.wait_for(lock, rest, [this] { return stopping_; })) return;
    }
    rest = look();
  }
}

// How long to rest then.
Micros Scrubber::look() {
  if (const Status opened = scrub_.open(); !opened) return could_not(opened.error());
  const auto left = scrub_.left();
  if (!left) return could_not(left.error());
  const bool is_over = *left == 0;
  tell_if_behind(is_over);
  look_at_others(is_over);
  const WallTime began = scrub_.memory().began;
  const bool is_first = scrub_.memory().pass == 0;
  if (is_over && !is_first && clock_.wall() < began + every_)
    return std::clamp<Micros>(began + every_ - clock_.wall(), kRestMin, kRestMax);
  if (is_over || is_first) {
    if (const Status begun = scrub_.begin(os::Wait::kNo); !begun) return could_not(begun.error());
  }
  return read_one();
}

// Told once, until it goes on.
Micros Scrubber::could_not(const Error& error) {
  if (error.code != Code::kBusy && told_ != error.message()) {
    told_ = error.message();
    find("scrub", told_);
  }
  return kTryAgainAfter;
}

Micros Scrubber::read_one() {
  const auto step = scrub_.step(os::Wait::kNo, nullptr);
  if (!step) return could_not(step.error());
  told_.clear();
  tell(*step);
  if (step->faults.empty()) protect_if_closed(files_, layout_, step->volume);
  const auto left = scrub_.left();
  const uint64_t volumes = left.value_or(0);
  {
    const std::lock_guard lock(mutex_);
    ++counts_.volumes;
    counts_.bytes += step->bytes;
    counts_.faults += step->faults.size();
    counts_.left = volumes;
  }
  const uint64_t pass = scrub_.memory().pass;
  const uint64_t told = known_->number == pass ? known_->faults : 0;
  known_ = Pass{pass, told + step->faults.size(), false};
  if (left && volumes == 0) return kRestMin;  // look() tells that it is over
  const Micros rest = every_ / 2 / static_cast<int64_t>(volumes + scrub_.memory().volumes);
  return std::clamp(rest, kRestMin, kRestMax);
}

void Scrubber::tell(const ledger::ScrubStep& step) {
  for (const ledger::Fault& fault : step.faults) find("scrub", fault.what + ": " + fault.where);
}

void Scrubber::tell_if_behind(bool is_over) {
  const ledger::ScrubMemory& pass = scrub_.memory();
  const bool is_behind = !is_over && pass.pass > 0 && clock_.wall() > pass.began + 2 * every_;
  if (is_behind && !is_behind_)
    find("scrub-behind", "not all was read again since " + rfc3339(pass.began));
  is_behind_ = is_behind;
}

// `stele scrub` reads beside this, and may find what this does not, or end the pass. What was there
// before this server's first look is not told again.
void Scrubber::look_at_others(bool is_over) {
  const ledger::ScrubMemory& pass = scrub_.memory();
  const Pass now{pass.pass, pass.faults, is_over};
  if (!known_) known_ = now;
  const bool is_another = now.number != known_->number;
  const uint64_t told = is_another ? 0 : known_->faults;
  if (now.faults > told) {
    find("scrub", std::to_string(now.faults - told) +
                      " faults were found by another process that reads; `stele scrub` names them");
  }
  if (is_over && (is_another || !known_->is_over)) {
    (void)own_.tell(event::Scrub{pass.volumes, pass.leaves, pass.bytes, pass.faults,
                                 std::max(clock_.wall() - pass.began, Micros(0))});
  }
  known_ = now;
}

void Scrubber::find(const char* rule, const std::string& what) {
  const std::string text = std::string(rule) + ": " + what;
  os::tell_journal(os::Severity::kError, text);
  (void)own_.tell(event::Finding{rule, text, {}, {}});
}

}  // namespace stele::server
