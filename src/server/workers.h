// Workers: threads that hash and check what connections bring, so that the I/O threads never do.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace stele::server {

class Workers {
 public:
  using Work = std::function<void()>;

  /// `waiting_max`: how many pieces of work may wait beside those that run.
  Workers(size_t threads, size_t waiting_max);
  /// Does what waits, and stops.
  ~Workers();

  /// From any thread. False: too much waits already; nothing was taken.
  bool post(Work work);

 private:
  void run();

  const size_t waiting_max_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable work_;
  std::deque<Work> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace stele::server
