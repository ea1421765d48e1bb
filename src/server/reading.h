// Reading: what people may ask a server for, with a token in hand (docs/formats/people.md,
// docs/formats/api.md). Nothing is handed out before the server's stream says so.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "http/reply.h"
#include "server/guard.h"
#include "server/heartbeats.h"
#include "server/holds.h"
#include "server/own_stream.h"
#include "server/people.h"
#include "server/routes.h"
#include "server/stream_index.h"

namespace stele::server {

class Reading {
 public:
  struct Parts {
    os::FileSystem& files;
    const ledger::Layout& layout;
    const vault::Vault& vault;
    Clock& clock;
    OwnStream& own;
    /// "server listen=… names=…": its configuration, in one line.
    std::string server;
    uint64_t leaves;  // in the ledger now
    RandomSource random;
    /// Whose key it is: a host's name, or empty.
    std::function<std::string(const segment::HostKeyId&)> host_of;
    /// What a host's last heartbeat said.
    std::function<std::optional<Heartbeats::Heard>(const std::string&)> heard;
  };

  /// Begins the thread "house", which tells what was counted, and what of the configuration
  /// changed.
  explicit Reading(Parts parts);
  /// stop(), if that was not done.
  ~Reading();
  /// Tells what was counted. After it the own stream may be closed, which must be before this goes.
  void stop();

  /// Answers a request of a route whose door is a token's. On a worker's thread.
  void answer(const Route& route, std::string_view part, const http::Request& request,
              const http::Reply& reply);

  /// Tells, or counts, what nobody waits for.
  void tell(event::Asked asked);
  void refused(const http::Request& request, const std::string& person, const std::string& token);
  void found(event::Finding finding);
  StreamIndex& streams() { return index_; }

 private:
  struct Answer {
    http::Response response;
    event::Asked asked;
    bool is_told = true;  // false: it handed out nothing
  };
  /// The caller; an error is answered as it stands.
  tl::expected<Caller, http::Response> identify(const Route& route, const http::Request& request);
  Result<Answer> make(const Route& route, std::string_view part, const http::Request& request);
  Result<Answer> sessions(const http::Request& request);
  Result<Answer> records(const Route& route, std::string_view part, const http::Request& request);
  Result<Answer> tail(std::string_view part);
  Result<Answer> hosts();
  Result<Answer> proof(const http::Request& request);
  Result<Answer> keys();
  Result<Answer> predecessor();
  Result<Answer> policies();
  Result<Answer> absent();
  Result<Answer> holds();
  Result<Hold> change_hold(const Route& route, std::string_view part, const http::Request& request,
                           const Caller& caller);
  void answer_hold(const Route& route, std::string_view part, const http::Request& request,
                   const Caller& caller, const http::Reply& reply);
  void send_told(Answer answer, const http::Reply& reply);

  std::vector<Person> people();
  void keep_house();
  void tell_changes();

  const Parts parts_;
  StreamIndex index_;
  Holds holds_;

  std::mutex people_mutex_;  // guards what follows
  std::vector<Person> people_;
  BootTime people_due_{};

  std::mutex mutex_;  // guards what follows
  Repeats repeats_;
  Visits visits_;
  FailureBound failures_;
  bool stopping_ = false;
  std::condition_variable stop_;

  BootTime posture_due_{};  // the house's
  std::thread house_;
};

}  // namespace stele::server
