// Heartbeats: what each host said last, and who has fallen silent (docs/formats/api.md, "POST
// /v1/heartbeats"). In memory only.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "wire/heartbeat.h"

namespace stele::server {

/// Any thread.
class Heartbeats {
 public:
  struct Heard {
    wire::Heartbeat heartbeat;
    WallTime received;
  };
  struct Silence {
    enum class What {
      kFallen,
      kOver,   // it is heard again
      kFirst,  // it is heard for the first time since this server started
    };
    std::string host;
    WallTime since;  // it was heard last; or from then on somebody listened
    What what = What::kFallen;
  };
  /// Called on the thread that noticed, without a lock. An error: it could not be told now, and
  /// look() says it again.
  using Tell = std::function<Status(const Silence&)>;

  Heartbeats(Clock& clock, Micros silent_after, Tell tell)
      : clock_(clock), silent_after_(silent_after), tell_(std::move(tell)) {}

  /// A host that is to be heard, from now on.
  void expect(const std::string& host);
  /// Nobody waits for it any more.
  void forget(const std::string& host);
  void take(const std::string& host, const wire::Heartbeat& heartbeat);
  /// It sent something else.
  void heard(const std::string& host) { note(host, std::nullopt); }
  /// Looks who has fallen silent. To be called every second or so.
  void look();

  /// nullopt: it said nothing since this server started.
  std::optional<Heard> last(const std::string& host) const;
  bool is_silent(const std::string& host) const;

 private:
  struct Host {
    std::optional<Heard> last;
    WallTime heard_at;
    BootTime heard;
    bool is_silent = false;
    std::optional<Silence> owed = {};  // what is to be told of being heard
    bool was_heard = false;
  };
  void tell_owed(const std::string& host);
  void note(const std::string& host, const std::optional<wire::Heartbeat>& heartbeat);

  Clock& clock_;
  const Micros silent_after_;
  const Tell tell_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Host> hosts_;
};

}  // namespace stele::server
