// Runs a command under a pseudo-terminal between a person's terminal and itself, and hands all that
// passes to a sink before it passes.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "event/event.h"
#include "event/sink.h"

namespace stele::capture {

struct Options {
  std::vector<std::string> argv;  // the command and its arguments
  std::string file;               // what to run if it is not argv[0] (a login shell: "-bash")
  std::vector<std::string> environment;  // the command's, "NAME=value"
  std::string session;                   // its id, given to the command as STELE_SESSION
  event::InputPolicy input_policy = event::InputPolicy::kRedact;
  bool lines_in_facts = false;  // the lines that were submitted; else in input
  event::WindowSize size;       // as event::Start has it; a Resize tells if it is not so any more
  int input = 0;                // the person's terminal, or anything else that can be read
  int output = 1;               // or written; none is closed
  int error = 2;                // run_piped() only
  int stop = -1;  // once it is readable the session is hung up, as by SIGTERM; not read
};

struct Outcome {
  event::End end;     // as it was recorded
  int exit_code = 0;  // what a shell would say: the command's, or 128 + the signal
};

/// What End::why says where the command did not simply end.
inline constexpr std::string_view kWhyHangup = "hangup";
inline constexpr std::string_view kWhyTerminated = "terminated";
inline constexpr std::string_view kWhyBackground =
    "background processes kept the terminal open after the command had ended";

/// After the command has ended, its terminal is read until nobody has it open any more, or until
/// what is left there was silent for kQuietMin, or until kGraceMax is over.
inline constexpr Micros kQuietMin{100'000}, kGraceMax{1'000'000};
/// How long a command may take to end after its terminal was hung up.
inline constexpr Micros kHangupMax{1'000'000};

/// Runs a command without a terminal: what comes in at `input` goes to its standard input, its
/// standard output to `output` and its standard error to `error`, each byte after the sink has it
/// (event::Piped), none changed, and none looked at for secrets: nobody types here. `size` means
/// nothing.
///
/// - Each way has its own end and its own back-pressure; at most 64 KiB of each are held. A reader
///   that goes away is felt by the command as without us (EPIPE).
/// - Returns when the command has ended and nobody has its output open any more, as sshd waits too.
/// - SIGINT and SIGQUIT go to the command's group; SIGHUP and SIGTERM hang it up, and what it does
///   not end of within kHangupMax goes on without its pipes.
/// - Commands that cannot be run, errors and signal handling: as run().
Result<Outcome> run_piped(const Options& options, event::Sink& sink, Clock& clock);

/// Returns when the command has ended and all it wrote has been shown; the end is recorded then.
///
/// - Output goes to the sink before it goes to the terminal. Input goes to the sink before it goes
///   to the command, but for what may be a secret: that waits for a verdict, at most 2 s, and is
///   recorded with the time it was typed (docs/secrets.md). Within the input lane, times never go
///   backwards; other lanes may be ahead of it.
/// - A slow terminal or a command that does not read slows the other side down; neither stops the
///   opposite direction. At most 64 KiB of output is held.
/// - The end of an input that is no terminal is passed on as the end-of-file key, again whenever
///   the command has read all there was: a closed input stays closed.
/// - SIGHUP, or a terminal that is gone, hangs the session up (End::why kWhyHangup), SIGTERM too
///   (kWhyTerminated). SIGINT and SIGQUIT go to the session's foreground, SIGTSTP stops the
///   recorder with the terminal as it was, SIGWINCH resizes. Signals that were ignored stay so.
/// - A command that cannot be run is an Outcome too: exit code 127 (no such command) or 126, and
///   End::why says what to tell the person.
/// - Errors: of the pty or the terminal at the start, and any of the sink: then the terminal is as
///   it was, the session is hung up, and no End is recorded.
///
/// Installs signal handling for as long as it runs: one at a time in a process. SIGPIPE stays
/// ignored.
Result<Outcome> run(const Options& options, event::Sink& sink, Clock& clock);

}  // namespace stele::capture
