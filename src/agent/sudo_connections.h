// SudoConnections: a socket on which sudo's log protocol is spoken, and a thread for each client.
#pragma once

#include <mutex>

#include "agent/served_threads.h"
#include "agent/sudo_door.h"
#include "agent/sudo_host.h"

namespace stele::agent {

/// One thread calls accept_waiting() and stop(). The door outlives it.
class SudoConnections {
 public:
  /// Something that somebody should hear of; of who is turned away, only now and then. Any thread.
  using Tell = std::function<void(const std::string&)>;

  static Result<std::unique_ptr<SudoConnections>> make(os::StreamListener listener, SudoDoor& door,
                                                       SudoWorld world, Tell tell);
  ~SudoConnections() { stop(); }

  /// Readable when somebody wants to connect.
  int fd() const { return listener_.get(); }
  Status accept_waiting();
  /// Ends all connections; what was taken from them is durable when it returns.
  void stop();

 private:
  static constexpr Micros kToldEvery = std::chrono::seconds(10);

  SudoConnections(os::StreamListener listener, SudoDoor& door, SudoWorld world, Tell tell,
                  os::Wake stopped);
  void take(os::StreamSocket socket);
  void serve(const SudoDoor::Enter& enter);
  void turn_away(const std::string& why);

  os::StreamListener listener_;
  SudoDoor& door_;
  const SudoWorld world_;
  const Tell tell_;
  const os::Wake stopped_;
  std::mutex mutex_;  // guards the next two
  std::optional<BootTime> told_at_;
  uint64_t untold_ = 0;
  ServedThreads threads_{door_.connections_max()};
};

}  // namespace stele::agent
