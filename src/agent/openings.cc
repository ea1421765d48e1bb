#include "agent/openings.h"

namespace stele::agent {

Openings::Wait::~Wait() {
  const std::lock_guard lock(all_.mutex_);
  all_.waiting_.erase(this);
}

bool Openings::Wait::is_acknowledged() const {
  const std::lock_guard lock(all_.mutex_);
  return is_acknowledged_;
}

bool Openings::Wait::is_hopeless() const {
  const std::lock_guard lock(all_.mutex_);
  return is_hopeless_;
}

void Openings::Wait::was_in_vain() {
  const std::lock_guard lock(all_.mutex_);
  all_.was_in_vain_ = true;
}

// Looked up after it is known here: an answer that came before stands in the spool, and one that
// comes later finds it.
std::unique_ptr<Openings::Wait> Openings::wait(const StreamId& stream,
                                               std::function<void()> changed) {
  std::unique_ptr<Wait> wait(new Wait(*this, stream, std::move(changed)));
  {
    const std::lock_guard lock(mutex_);
    wait->is_hopeless_ = !is_reachable_ || was_in_vain_;
    waiting_.insert(wait.get());
  }
  if (has_first_(stream)) acknowledged(stream);
  return wait;
}

void Openings::acknowledged(const StreamId& stream) {
  const std::lock_guard lock(mutex_);
  for (Wait* const each : waiting_) {
    if (each->stream_ != stream) continue;
    each->is_acknowledged_ = true;
    each->changed_();
  }
}

void Openings::set_reachable(bool is_reachable) {
  const std::lock_guard lock(mutex_);
  is_reachable_ = is_reachable;
  if (is_reachable) was_in_vain_ = false;
  if (is_reachable) return;
  for (Wait* const each : waiting_) {
    each->is_hopeless_ = true;
    each->changed_();
  }
}

}  // namespace stele::agent
