// Follower: what the processes of sessions execute, as the kernel tells it, whichever way it does.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands/parse.h"
#include "commands/pins.h"

namespace stele::commands {

/// Follows processes, and all that they make. Any thread.
class Follower {
 public:
  /// Called on a thread of the follower's own, or of settle(); one call at a time.
  using Sink = std::function<void(const Seen&)>;

  /// A process that is followed from the beginning, with all that it made, until follow() is
  /// called for it.
  struct Known {
    uint32_t pid = 0;
    uint64_t session = 0;
  };

  virtual ~Follower() = default;

  /// As `start` says it (docs/formats/event.md, "commands").
  virtual const char* name() const = 0;
  /// Why it does not tell what sshd forwards; empty: it does.
  virtual std::string no_forwards() const = 0;

  /// Whether it goes on with programs that were there: what happened meanwhile is told.
  enum class Before { kNothing, kStopped, kKilled };
  virtual Before before() const = 0;
  /// Takes nothing more: what happens from now on is there for who goes on.
  virtual void stop() = 0;

  /// From now on, all that this process and its descendants execute is of session `session`. Those
  /// that it has already are found as well. kLimit: too many are followed. Ended, also after an
  /// error, by forget().
  virtual Status follow(uint32_t pid, uint64_t session) = 0;
  /// Nobody waits for one that was followed, for now: it is followed still, and its losses are
  /// counted until it is forgotten.
  virtual void leave() = 0;
  /// Nothing of it is wanted any more; what processes of it that are left execute is told still.
  virtual void forget(uint64_t session) = 0;
  /// A process that is followed: of which session, and whether it is who was followed first.
  struct Followed {
    uint64_t session = 0;
    bool is_recorder = false;
    bool operator==(const Followed&) const = default;
  };
  virtual std::optional<Followed> followed(uint32_t pid) const = 0;
  /// Who executes there and is not followed is told again.
  virtual void forget_terminal(const OnTerminal& terminal) = 0;
  /// All that happened before the call has gone to the sink when it returns.
  virtual void settle() = 0;
  /// How many records and processes of the session were lost since the last call.
  virtual uint64_t take_lost(uint64_t session) = 0;
  /// How many records of forwards were lost since the last call.
  virtual uint64_t take_lost_forwards() = 0;
};

/// By programs in the kernel, or else by its process connector; `instead`: why not by the first.
/// Whatever becomes of it, this thread may watch by no other afterwards (os/hardening.h).
/// kPermission, kUnsupported: by neither, and why. `pins`: of Watch::start.
struct Following {
  std::unique_ptr<Follower> follower;
  std::string instead;
};
Result<Following> start_following(const Follower::Sink& sink,
                                  const std::vector<Follower::Known>& known, const Pins* pins);

}  // namespace stele::commands
