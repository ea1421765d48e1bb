// SudoConnections: the loopback socket on which sudo's log protocol is spoken, and a thread for
// each client.
#pragma once

#include "agent/served_threads.h"
#include "agent/sudo_host.h"

namespace stele::agent {

/// One thread calls accept_waiting() and stop(). Only programs of root's are listened to: any
/// other could say of sudo what it likes.
class SudoConnections {
 public:
  static constexpr size_t kConnectionsMax = 512;
  /// Something that somebody should hear of; often, only now and then. Any thread.
  using Tell = std::function<void(const std::string&)>;

  static Result<std::unique_ptr<SudoConnections>> make(os::LoopbackListener listener,
                                                       SudoWorld world, Tell tell);
  ~SudoConnections() { stop(); }

  /// Readable when somebody wants to connect.
  int fd() const { return listener_.get(); }
  Status accept_waiting();
  /// Ends all connections; what was taken from them is durable when it returns.
  void stop();

 private:
  static constexpr Micros kToldEvery = std::chrono::seconds(10);

  SudoConnections(os::LoopbackListener listener, SudoWorld world, Tell tell, os::Wake stopped);
  void take(os::StreamSocket socket);
  void serve(os::StreamSocket socket);
  void turn_away(const std::string& why);

  os::LoopbackListener listener_;
  const SudoWorld world_;
  const Tell tell_;
  const os::Wake stopped_;
  std::optional<BootTime> told_at_;
  uint64_t untold_ = 0;
  ServedThreads threads_{kConnectionsMax};
};

}  // namespace stele::agent
