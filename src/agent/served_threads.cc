#include "agent/served_threads.h"

#include "os/thread.h"

namespace stele::agent {

Status ServedThreads::serve(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (all_.size() >= most_) return fail(Code::kLimit, "too many");
  const auto served = all_.emplace(all_.end());
  auto thread = os::start_thread([this, served, work = std::move(work)]() mutable {
    work();
    work = nullptr;  // what it held is free before the place is
    const std::lock_guard done(mutex_);
    served->done = true;
  });
  if (!thread) {
    all_.erase(served);
    return fail(Code::kBusy, thread.error().message());
  }
  served->thread = *std::move(thread);
  return {};
}

void ServedThreads::join_done() {
  std::list<Served> done;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = all_.begin(); at != all_.end();) {
      const auto next = std::next(at);
      if (at->done) done.splice(done.end(), all_, at);
      at = next;
    }
  }
  for (Served& each : done) each.thread.join();
}

void ServedThreads::join_all() {
  for (Served& each : all_) each.thread.join();  // nobody adds to it any more
  all_.clear();
}

size_t ServedThreads::count() const {
  const std::lock_guard lock(mutex_);
  return all_.size();
}

}  // namespace stele::agent
