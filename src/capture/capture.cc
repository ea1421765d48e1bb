#include "capture/capture.h"

#include <csignal>

#include "capture/piped_session.h"
#include "capture/session.h"
#include "os/signals.h"

namespace stele::capture {

Result<Outcome> run(const Options& options, event::Sink& sink, Clock& clock) {
  if (options.argv.empty()) return fail(Code::kInvalid, "no command to run");
  os::ignore_broken_pipes();
  TRY(os::SignalWatch signals, os::SignalWatch::make({SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGTSTP},
                                                     {SIGCHLD, SIGCONT, SIGWINCH}));
  Session session(options, sink, clock, signals);
  return session.run();
}

Result<Outcome> run_piped(const Options& options, event::Sink& sink, Clock& clock) {
  if (options.argv.empty()) return fail(Code::kInvalid, "no command to run");
  os::ignore_broken_pipes();
  TRY(os::SignalWatch signals,
      os::SignalWatch::make({SIGHUP, SIGTERM, SIGINT, SIGQUIT}, {SIGCHLD}));
  PipedSession session(options, sink, clock, signals);
  return session.run();
}

}  // namespace stele::capture
