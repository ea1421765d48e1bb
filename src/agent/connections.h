// Connections: the agent's socket, and a thread for each recorder that connected.
#pragma once

#include <map>
#include <mutex>

#include "agent/served_threads.h"
#include "agent/session_host.h"

namespace stele::agent {

struct ConnectionLimits {
  size_t total = 2048;
  size_t per_user = 256;  // real uid
};

/// One thread calls accept_waiting() and stop(). Who connects, and with whose rights, the kernel
/// says.
class Connections {
 public:
  /// What holds for a recorder, by who it is. Called on its connection's thread.
  using PolicyFor = std::function<Policy(const os::Peer&)>;
  /// A connection ended otherwise than it should have.
  using OnError = std::function<void(const Owner&, const Error&)>;

  static Result<std::unique_ptr<Connections>> make(os::PacketListener listener, Sessions& sessions,
                                                   PolicyFor policy_for, OnError on_error,
                                                   Clock& clock, ConnectionLimits limits);
  ~Connections() { stop(); }

  /// Readable when somebody wants to connect.
  int fd() const { return listener_.get(); }
  /// Takes in who waits: a person's connection beyond their number is refused, with "not now".
  Status accept_waiting();
  /// Ends all connections; what was taken from them is durable when it returns.
  void stop();
  size_t count() const { return threads_.count(); }

 private:
  struct Served {
    os::PacketSocket socket;
    os::Peer peer;
  };

  Connections(os::PacketListener listener, Sessions& sessions, PolicyFor policy_for,
              OnError on_error, Clock& clock, ConnectionLimits limits, os::Wake stopped);
  void take(os::PacketSocket socket);
  void serve(Served& each);
  bool enter(uint32_t uid);
  void leave(uint32_t uid);

  os::PacketListener listener_;
  Sessions& sessions_;
  const PolicyFor policy_for_;
  const OnError on_error_;
  Clock& clock_;
  const ConnectionLimits limits_;
  const os::Wake stopped_;
  std::mutex mutex_;  // guards by_user_
  std::map<uint32_t, size_t> by_user_;
  ServedThreads threads_;
};

}  // namespace stele::agent
