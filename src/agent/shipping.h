// Shipping: the thread that ships what the spool holds, and watches the log.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

#include "agent/log_memory.h"
#include "agent/openings.h"
#include "agent/shipper.h"
#include "base/pulse.h"

namespace stele::agent {

/// The server, as the shipping thread sees it. One thread.
class ServerLink {
 public:
  virtual ~ServerLink() = default;
  /// POST /v1/segments.
  virtual Result<Bytes> post_segments(ByteSpan request) = 0;
  /// A file of the public log.
  virtual Result<Bytes> fetch(const std::string& path) = 0;
};

class Shipping {
 public:
  /// What somebody should hear of; without a rule, in the journal alone. Called on the thread.
  using Tell = std::function<void(const event::Finding&)>;
  static constexpr Micros kConfirmEvery = std::chrono::seconds(1);
  static constexpr Micros kWatchEvery = std::chrono::seconds(10);  // where nothing waits for it
  static constexpr Micros kPauseMax = std::chrono::seconds(5);     // of an unreachable server

  /// All that is referred to must outlive it. Begins at once. `last`: what is believed of the log.
  Shipping(SharedSpool& spool, LogMemory& memory, receipt::VerifierKey log_key,
           receipt::Checkpoint last, std::unique_ptr<ServerLink> server, Openings& openings,
           Tell tell, Clock& clock);
  /// Finishes the request on its way, and starts none.
  ~Shipping();

  /// Ships what waits, until something fails or so much time has passed, and ends. What is not
  /// shipped then stays in the spool.
  void finish(Micros longest);

  /// The last checkpoint believed.
  receipt::Checkpoint believed() const;
  /// A step is one request to the server and what follows from it.
  const Pulse& pulse() const { return pulse_; }
  /// Longer than a request may take.
  static constexpr Micros kStepMax = std::chrono::minutes(3);

 private:
  void run();
  Status step();
  void ship_the_last();
  bool is_stopping() const;
  void note_outcome(const Status& done);
  Micros pause();

  SharedSpool& spool_;
  LogMemory& memory_;
  Openings& openings_;
  Clock& clock_;
  const Tell tell_;
  const std::unique_ptr<ServerLink> server_;
  LogWatch watch_;
  Shipper shipper_;
  BootTime confirmed_at_;
  Pulse pulse_;
  bool unreachable_ = false;  // and somebody was told
  int failures_ = 0;          // in a row
  std::minstd_rand jitter_;   // hosts that lost a server together do not come back together

  mutable std::mutex mutex_;
  std::optional<BootTime> finish_until_;  // set: stopping
  receipt::Checkpoint believed_;
  std::thread thread_;
};

}  // namespace stele::agent
