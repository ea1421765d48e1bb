// Shipper: from the spool to the server, and free only what is proven. Pure steps that a thread
// calls; nothing here waits.
//
// Invariant: a segment is freed only when a checkpoint that this host believes includes its leaf.
// Whatever a server says, or does not say, the bytes stay here until then.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/log_watch.h"
#include "agent/spool_store.h"
#include "event/event.h"
#include "wire/segments.h"

namespace stele::agent {

struct ShipperOptions {
  size_t request_bytes_max = size_t{4} << 20;
  size_t request_segments_max = 512;
  Micros retry_after = std::chrono::seconds(1);      // what the server could not take just now
  Micros covered_within = std::chrono::seconds(60);  // or nothing is freed until it is
  /// Hears of each segment that the server said it has, once the spool knows.
  std::function<void(const StreamId&, uint32_t sequence)> acknowledged = [](const StreamId&,
                                                                            uint32_t) {};
};

/// Not thread-safe. Holds the spool only while it looks at it or writes to it, never while it talks
/// to the server: sessions are not to wait for a network.
class Shipper {
 public:
  /// POST /v1/segments: the body of the answer. An error: it may have happened, or not.
  using Post = std::function<Result<Bytes>(ByteSpan request)>;

  Shipper(SharedSpool& spool, LogWatch& watch, Post post, Clock& clock, ShipperOptions options);

  /// Sends one request of what waits. True: there was something. An error: no answer, or none that
  /// makes sense; everything in it will be sent again.
  /// Where a server takes nothing and refuses for good, each time a longer pause follows in which
  /// nothing is sent: what goes on elsewhere would be refused as well, and each refusal is kept.
  Result<bool> ship();

  /// Looks at the log, and frees what is proven; nothing while anything that the server
  /// acknowledged waits too long for a checkpoint. An error that is the log's guilt (LogWatch) is
  /// kept: from then on nothing is freed any more, by this object.
  Status confirm();

  /// Why nothing is freed any more; nullopt: all is well.
  const std::optional<Error>& distrust() const { return distrust_; }
  /// What a person should hear of, since the last call.
  std::vector<event::Finding> take_findings() { return std::exchange(findings_, {}); }

 private:
  Status take_answer(const spool::Outgoing& sent, const wire::Answer& answer);
  Status take_refusal(const spool::Outgoing& sent, const wire::Refused& refused);
  Status put_in_order(const spool::Outgoing& sent, const wire::Refused& refused);
  Status set_aside(const spool::Outgoing& sent, const wire::Refused& refused);
  void pace(const std::vector<wire::Answer>& answers);
  void send_again(const spool::Outgoing& sent);
  void tell_of_waiting(const spool::Outgoing& sent, const wire::Refused& refused);
  void trust_no_more(Error why);
  Status free_what_is_proven();
  void look_for_lateness();

  SharedSpool& spool_;
  LogWatch& watch_;
  const Post post_;
  Clock& clock_;
  const ShipperOptions options_;
  std::optional<Error> distrust_;
  bool is_late_ = false;  // nothing is freed meanwhile
  std::optional<BootTime> told_waiting_;
  bool told_of_key_ = false;
  Micros refused_pause_{0};
  BootTime ship_from_{};  // the end of that pause
  std::vector<event::Finding> findings_;
};

}  // namespace stele::agent
