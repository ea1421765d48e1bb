// ServedThreads: a thread for each connection that is served, and how many there are.
#pragma once

#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "base/result.h"

namespace stele::agent {

/// One thread calls all but count(), which any may.
class ServedThreads {
 public:
  explicit ServedThreads(size_t most) : most_(most) {}
  ~ServedThreads() { join_all(); }

  /// Serves on a thread of its own. kLimit: as many as may serve do; kBusy: there is none to be had
  /// now. `work` was not called then.
  Status serve(std::function<void()> work);
  /// Gives back what those that are done had.
  void join_done();
  /// Returns when all have served; that they come to an end is somebody else's to see to.
  void join_all();
  size_t count() const;

 private:
  struct Served {
    std::thread thread;
    bool done = false;
  };

  const size_t most_;
  mutable std::mutex mutex_;  // guards all_
  std::list<Served> all_;
};

}  // namespace stele::agent
