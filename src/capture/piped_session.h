// The recorder's loop where there is no terminal. capture.h has the contract (run_piped).
//
// Invariants:
// - no byte is in a way's outbox that the sink has not taken;
// - the only place to wait is wait().
#pragma once

#include <array>
#include <optional>

#include "capture/capture.h"
#include "capture/outbox.h"
#include "os/poller.h"
#include "os/process.h"
#include "os/signals.h"

namespace stele::capture {

class PipedSession {
 public:
  PipedSession(const Options& options, event::Sink& sink, Clock& clock, os::SignalWatch& signals);

  Result<Outcome> run();

 private:
  /// One of the three: from where, to where, and what is on its way. -1: that end is over.
  struct Way {
    event::Piped::Pipe pipe;
    Outbox box;
    int from = -1, to = -1;
    bool may_read = true, may_write = true;
    uint64_t bytes = 0;

    bool is_over() const { return from < 0 && box.is_empty(); }
  };

  Status start();
  Status relay();
  Status move(Way& way);
  Status read(Way& way);
  void write(Way& way);
  void close_from(Way& way);
  void close_to(Way& way);
  void wait();
  void handle(os::SignalSet came);
  void hang_up(std::string_view why, int signal);
  void reap();
  Status record_unseen();
  Result<Outcome> finish();

  const Options& options_;
  event::Sink& sink_;
  Clock& clock_;
  os::SignalWatch& signals_;
  os::NonBlocking input_, output_, error_;  // the person's
  std::optional<os::Poller> poller_;
  os::Pipes pipes_;  // the command's
  std::array<Way, 3> ways_;
  pid_t child_ = -1;
  std::optional<os::Ended> ended_;
  std::string why_;
  int hangup_signal_ = 0;
};

}  // namespace stele::capture
