// Watch: what the processes of sessions execute, as the kernel tells it (kernel_programs.c).
#pragma once

#include <functional>
#include <memory>

#include "commands/parse.h"
#include "commands/pins.h"
#include "os/peer.h"

namespace stele::commands {

/// Follows processes, and all that they make, from within the kernel; libbpf's names stay in
/// watch.cc. Any thread.
class Watch {
 public:
  /// Called on a thread of the watch's own, or of settle(); one call at a time.
  using Sink = std::function<void(const Seen&)>;

  /// A process that is followed from the beginning, with all that it made, until follow() is
  /// called for it.
  struct Known {
    uint32_t pid = 0;
    uint64_t session = 0;
  };

  /// Loads the programs and begins; whatever becomes of it, this thread may load no others
  /// afterwards (os/hardening.h). Nobody whom it knows is taken for one who is not followed.
  /// kPermission, kUnsupported: this kernel does not let us, or can not, and why. `pins`: where the
  /// programs stay when it is gone, and those that stayed are gone on with; none: they go with it.
  static Result<std::unique_ptr<Watch>> start(Sink sink, const std::vector<Known>& known = {},
                                              const Pins* pins = nullptr);
  ~Watch();

  /// Whether it goes on with programs that were there: what happened meanwhile is told.
  enum class Before { kNothing, kStopped, kKilled };
  Before before() const;
  /// Takes nothing more: what happens from now on is there for who goes on.
  void stop();

  /// From now on, all that this process and its descendants execute is of session `session`. Those
  /// that it has already are found as well. kLimit: too many are followed. Ended, also after an
  /// error, by forget().
  Status follow(uint32_t pid, uint64_t session);
  /// Nobody waits for one that was followed, for now: it is followed still, and its losses are
  /// counted until it is forgotten.
  void leave();
  /// Nothing of it is wanted any more; what processes of it that are left execute is told still.
  void forget(uint64_t session);
  /// Whether this process is one that is followed.
  bool follows(uint32_t pid) const;
  /// Who executes there and is not followed is told again.
  void forget_terminal(const OnTerminal& terminal);
  /// All that happened before the call has gone to the sink when it returns.
  void settle();
  /// How many records and processes of the session were lost since the last call.
  uint64_t take_lost(uint64_t session);

 private:
  struct Parts;
  explicit Watch(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace stele::commands
