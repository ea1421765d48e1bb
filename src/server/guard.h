// What keeps those who ask too often from filling the server's stream, and from guessing
// (docs/formats/server-stream.md, rules 2 and 3). No clock of its own; one thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "event/event.h"

namespace stele::server {

inline constexpr Micros kRepeatWindow = std::chrono::seconds(10),
                        kLoginWindow = std::chrono::minutes(15);
inline constexpr size_t kPeersMax = 4096, kRepeatsMax = 65'536;

/// Which events are told at once, and which are only counted.
class Repeats {
 public:
  /// True: to be told now. False: as one within the window before that was told, and counted.
  bool is_new(const event::Asked& asked, BootTime now);
  /// What is_new() said to tell was told, or it could not be. Until then whoever asks the same has
  /// to tell it himself.
  void settle(const event::Asked& asked, bool was_told);
  /// What was counted in windows that are over.
  std::vector<event::Asked> take_due(BootTime now);
  /// All of it.
  std::vector<event::Asked> take_all() { return take_due(BootTime::max()); }

 private:
  struct Window {
    BootTime ends;
    event::Asked repeated;  // count 0: nothing was
    bool is_told = false;
  };
  std::map<std::string, Window>::iterator find(const event::Asked& asked);

  std::map<std::string, Window> windows_;
  size_t strangers_ = 0;  // windows of refusals of nobody known
};

/// Whose visit is a new one: a login.
class Visits {
 public:
  bool is_new(const std::string& token, const std::string& peer, BootTime now);

 private:
  std::map<std::string, BootTime> ends_;
};

/// A bound on failures for each peer: 20 at once, then one every 6 s.
class FailureBound {
 public:
  /// Whether this peer is to be looked at; false: it failed too often.
  bool allows(const std::string& peer, BootTime now);
  void failed(const std::string& peer, BootTime now);

 private:
  /// Failures that still count, as time until none does.
  std::map<std::string, BootTime> clear_at_;
};

}  // namespace stele::server
