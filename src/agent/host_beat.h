// HostBeat: the thread that says every ten seconds that this host is alive (docs/formats/api.md,
// "POST /v1/heartbeats"), and learns how far its clock is off and which recipients list is in
// force.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "wire/heartbeat.h"

namespace stele::agent {

class HostBeat {
 public:
  static constexpr Micros kEvery = std::chrono::seconds(10);
  /// What to say; the clocks are filled in. Called on the thread, as the others are.
  using Measure = std::function<wire::Heartbeat()>;
  /// POST /v1/heartbeats: the answer's body.
  using Post = std::function<Result<Bytes>(ByteSpan request)>;
  /// What was learnt: how far the clock is off, and the recipients list in force at the server.
  using Hear = std::function<void(Micros offset, const Hash& recipients)>;

  /// Begins at once. What it is given must outlive it.
  HostBeat(Measure measure, Post post, Hear hear, Clock& clock);
  /// Finishes the request on its way.
  ~HostBeat();

  /// One heartbeat, for who has no thread. An error: nothing was learnt, which shipping says too.
  static Status beat(const Measure& measure, const Post& post, const Hear& hear, Clock& clock);

 private:
  void run();

  const Measure measure_;
  const Post post_;
  const Hear hear_;
  Clock& clock_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace stele::agent
