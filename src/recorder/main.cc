// stele-recorder, also called stele-shell: sits between a person's terminal and a command, and
// hands all that passes to the host's agent before it passes. No keys, no network, no crypto.
#include <cstdio>
#include <string>

#include "base/uuid.h"
#include "capture/capture.h"
#include "os/clock.h"
#include "os/hardening.h"
#include "os/process.h"
#include "os/signals.h"
#include "os/terminal_mode.h"
#include "os/trusted_file.h"
#include "os/wake.h"
#include "os/who.h"
#include "recorder/direct.h"
#include "recorder/link.h"
#include "recorder/no_sink.h"
#include "recorder/options.h"
#include "recorder/remote_sink.h"
#include "recorder/shell.h"

namespace stele::recorder {
namespace {

constexpr int kExitFailed = 70;  // as `stele record`: EX_SOFTWARE of sysexits.h

void warn(const std::string& what) { std::fprintf(stderr, "stele: %s\n", what.c_str()); }

std::string variable(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& entry : environment) {
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
      return entry.substr(name.size() + 1);
  }
  return "";
}

event::WindowSize window_size() {
  for (int fd : {0, 1, 2}) {
    if (const auto size = os::window_size(fd))
      return {size->rows, size->columns, size->width_pixels, size->height_pixels};
  }
  return {};
}

void set(std::vector<std::string>& environment, const std::string& name, const std::string& value) {
  std::erase_if(environment, [&](const std::string& each) { return each.starts_with(name + "="); });
  environment.push_back(name + "=" + value);
}

/// As stele-shell: the person's real shell, which its children find in $SHELL.
capture::Options what_to_run(const Shell& shell, std::vector<std::string> environment) {
  capture::Options how;
  how.file = shell.file;
  how.argv = shell.argv;
  set(environment, "SHELL", shell.file);
  how.environment = std::move(environment);
  how.size = window_size();
  return how;
}

/// No command: the person's login shell, as a login shell.
capture::Options what_to_run(const Options& options, std::vector<std::string> environment) {
  capture::Options how;
  if (options.command.empty()) {
    how.file = variable(environment, "SHELL");
    if (how.file.empty()) how.file = "/bin/sh";
    how.argv = {"-" + how.file.substr(how.file.rfind('/') + 1)};
  } else {
    how.file = options.command.front();
    how.argv = options.command;
  }
  how.environment = std::move(environment);
  how.size = window_size();
  return how;
}

bool has_terminal() { return os::is_terminal(0) || os::is_terminal(1) || os::is_terminal(2); }

wire::Hello hello_of(const Options& options, const capture::Options& how) {
  wire::Hello hello;
  hello.input_policy = options.input_policy;
  hello.size = how.size;
  hello.recorder = "stele-recorder " STELE_VERSION;
  hello.title = options.title;
  hello.break_glass = options.break_glass;
  hello.cwd = os::current_directory();
  hello.terminal = variable(how.environment, "TERM").substr(0, wire::kTerminalBytesMax);
  hello.connection = variable(how.environment, "SSH_CONNECTION").substr(0, wire::kClaimBytesMax);
  hello.invoker = variable(how.environment, "SUDO_USER").substr(0, wire::kClaimBytesMax);
  hello.forwarded_agent =
      variable(how.environment, "SSH_AUTH_SOCK").substr(0, wire::kClaimBytesMax);
  const std::string proof = variable(how.environment, "SSH_USER_AUTH");
  if (!proof.empty()) hello.proof = os::read_own_file(proof, wire::kProofBytesMax).value_or("");
  if (auto parent = parse_stream_id(variable(how.environment, "STELE_SESSION")))
    hello.parent = *parent;
  hello.argv = how.argv;
  return hello;
}

void show(const std::string& banner) {
  if (!banner.empty()) std::fprintf(stderr, "%s\n", banner.c_str());
}

/// Where sshd gave no terminal, none is made: `-T`, `ssh host command`, scp, sftp, rsync, git.
Result<capture::Outcome> capture_of(const capture::Options& how, bool is_shell, event::Sink& sink,
                                    Clock& clock) {
  return is_shell && !has_terminal() ? capture::run_piped(how, sink, clock)
                                     : capture::run(how, sink, clock);
}

/// As stele-shell, by the signal that ended the command: sshd tells its client of it then, as it
/// would have without us.
int end_as(const capture::Outcome& outcome, bool is_shell) {
  if (is_shell && outcome.end.signal) os::die_of(*outcome.end.signal);
  return outcome.exit_code;
}

Result<int> run_unrecorded(capture::Options how, bool is_shell, Clock& clock) {
  how.input_policy = event::InputPolicy::kNone;
  NoSink sink;
  TRY(const capture::Outcome outcome, capture_of(how, is_shell, sink, clock));
  if (outcome.end.why.starts_with("cannot ")) warn(outcome.end.why);
  return end_as(outcome, is_shell);
}

Result<int> record(Link& link, const wire::Welcome& welcome, capture::Options how, bool is_shell,
                   Clock& clock) {
  how.session = to_string(welcome.session);
  how.input_policy = welcome.terms.input_policy;
  how.lines_in_facts = welcome.terms.lines_in_facts;
  show(welcome.terms.banner);
  TRY_VOID(link.put(clock.boot(), event::Lane::kFacts, wire::facts_of(welcome.terms)));
  RemoteSink sink(link, welcome.terms.lanes);
  TRY(const capture::Outcome outcome, capture_of(how, is_shell, sink, clock));
  if (outcome.end.why.starts_with("cannot ")) warn(outcome.end.why);
  const Status closed = link.close();
  if (!closed) {
    warn("the record of this session is not complete: " + closed.error().message());
    if (!welcome.terms.open) return kExitFailed;
  }
  return end_as(outcome, is_shell);
}

struct Asked {
  Options options;
  capture::Options how;
  bool is_shell = false;
  wire::Program program = wire::Program::kAny;
};

/// Where the command is a known program's, it is run itself, in the place of a shell that would run
/// it.
void run_directly(const Shell& shell, Asked& asked) {
  auto direct = direct_program(shell);
  if (!direct || has_terminal() || !os::is_root_s_program(direct->file)) return;
  asked.program = direct->program;
  asked.how.file = std::move(direct->file);
  asked.how.argv = std::move(direct->argv);
}

Result<Asked> asked_of(const std::string& name, const std::vector<std::string>& arguments,
                       std::vector<std::string> environment) {
  Asked asked;
  if (is_stele_shell(name)) {
    TRY(const std::string file, real_shell());
    const auto shell =
        shell_to_run(name, arguments, file, variable(environment, "SSH_ORIGINAL_COMMAND"));
    asked.how = what_to_run(*shell, std::move(environment));
    asked.is_shell = true;
    run_directly(*shell, asked);
    return asked;
  }
  TRY(asked.options, parse_options(arguments, os::has_borrowed_rights()));
  asked.how = what_to_run(asked.options, std::move(environment));
  return asked;
}

Result<int> run(const std::string& name, const std::vector<std::string>& arguments,
                std::vector<std::string> environment) {
  TRY(Asked asked, asked_of(name, arguments, std::move(environment)));
  const os::BorrowedGroup group;
  TRY_VOID(group.lay_down());  // "link" takes it up again; what is run never has it
  os::SystemClock clock;
  LinkOptions way;
  way.path = asked.options.socket;
  way.begin_thread = [&group] { return group.take_up(); };
  // The capture hangs the session up then; what it would still record fails, and that is told.
  TRY(const os::Wake stop, os::Wake::make());
  asked.how.stop = stop.fd();
  way.on_failure = [&stop] { stop.wake(); };
  TRY(const auto link, Link::make(std::move(way), clock));
  wire::Hello hello = hello_of(asked.options, asked.how);
  hello.program = asked.program;
  // What the agent is told stands in the person's environment; a known program gets less of it.
  if (asked.program != wire::Program::kAny)
    asked.how.environment = plain_environment(asked.how.environment);
  TRY(const Link::Opening opening, link->open(hello));
  if (const auto* unrecorded = std::get_if<wire::Unrecorded>(&opening)) {
    show(unrecorded->banner);
    return run_unrecorded(std::move(asked.how), asked.is_shell, clock);
  }
  return record(*link, std::get<wire::Welcome>(opening), std::move(asked.how), asked.is_shell,
                clock);
}

}  // namespace
}  // namespace stele::recorder

int main(int argc, char** argv) {
  using namespace stele;
  os::occupy_standard_descriptors();
  if (const Status safe = os::forbid_tracing(); !safe) {
    recorder::warn(safe.error().message());
    return recorder::kExitFailed;
  }
  auto environment = os::environment();
  os::clear_environment();
  if (argc < 1) return recorder::kExitFailed;
  const auto status = recorder::run(argv[0], {argv + 1, argv + argc}, std::move(environment));
  if (status) return *status;
  recorder::warn("not recorded, so the session was refused or ended: " + status.error().message());
  return recorder::kExitFailed;
}
