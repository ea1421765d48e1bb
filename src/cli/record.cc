#include <algorithm>
#include <cstdio>

#include "agent/pipeline.h"
#include "agent/unrecorded.h"
#include "base/version.h"
#include "capture/capture.h"
#include "cli/commands.h"
#include "identity/start.h"
#include "ledger/directory_ledger.h"
#include "ledger/recipients_list.h"
#include "os/directory.h"
#include "os/process.h"
#include "os/random.h"
#include "os/who.h"

namespace stele::cli {
namespace {

// Everything a recording needs before the first byte is shown.
struct Setup {
  ledger::PrivateKey host;
  uint32_t epoch = 1;
  segment::Recipients recipients;
  ledger::LogSigner signer;
};

Result<Setup> load_setup(Context& context) {
  TRY_VOID(require_ledger(context));
  TRY(auto host, ledger::load_private_key(context.files, context.layout.host_key()));
  TRY(const auto hosts, ledger::HostKeys::load(context.files, context.layout.host_vkey()));
  TRY(const Bytes note, context.files.read(context.layout.recipients(), size_t{64} << 10));
  TRY(const auto policy, ledger::load_verifier_key(context.files, context.layout.policy_vkey()));
  auto list = ledger::open_recipients_list(note, policy);
  if (!list) return fail(std::move(list).error().within(context.layout.recipients()));
  TRY(auto signer, load_log_signer(context));
  const uint32_t epoch = hosts.entries().back().epoch;
  if (hosts.entries().back().key != host.key.public_key()) {
    return fail(
        Code::kInvalid,
        "keys/host.key is not the newest key of host.vkey: nobody would believe what it signs");
  }
  return Setup{std::move(host), epoch, ledger::sealing_recipients(*list, note), std::move(signer)};
}

struct Login {
  std::string file;
  std::vector<std::string> argv;
};

// No command: the person's login shell, as a login shell.
Login command_of(const RecordOptions& options, const std::vector<std::string>& environment) {
  if (!options.command.empty()) return {options.command.front(), options.command};
  std::string shell = identity::variable(environment, "SHELL");
  if (shell.empty()) shell = "/bin/sh";
  return {shell, {"-" + shell.substr(shell.rfind('/') + 1)}};
}

struct Session {
  event::Start start;
  capture::Options how;
};

Result<Session> prepare(const RecordOptions& options, event::InputPolicy policy) {
  const auto environment = os::environment();
  const Login login = command_of(options, environment);
  TRY(event::Start start, identity::gather_start({.title = options.title,
                                                  .argv = login.argv,
                                                  .environment = environment,
                                                  .input_policy = policy,
                                                  .recorder = std::string("stele ") + kVersion,
                                                  .claims = identity::claims_of(environment)}));
  capture::Options how{.argv = login.argv,
                       .file = login.file,
                       .environment = environment,
                       .session = {},
                       .input_policy = policy,
                       .size = start.size};
  return Session{std::move(start), std::move(how)};
}

agent::Pipeline make_pipeline(Context& context, const Setup& setup, const StreamId& id,
                              agent::PipelineOptions options) {
  const segment::HostKeyId host_id =
      segment::host_key_id(setup.host.name, setup.host.key.public_key().bytes);
  segment::Sealer sealer(id, segment::Kind::kSession, {setup.host.key, host_id, setup.epoch},
                         setup.recipients, os::system_random);
  return {options,
          [&]() -> Result<std::unique_ptr<agent::Store>> {
            TRY(auto ledger, ledger::DirectoryLedger::open(context.files, context.layout,
                                                           context.clock, setup.signer));
            return std::make_unique<agent::LedgerStore>(std::move(ledger));
          },
          std::move(sealer), context.clock};
}

void warn_if_not_run(const capture::Outcome& outcome) {
  if (outcome.end.why.starts_with("cannot ")) warn(outcome.end.why);
}

Result<int> run_recorded(Context& context, const Setup& setup, Session session, bool fail_open) {
  const StreamId id = make_uuid_v7(context.clock.wall(), os::system_random);
  // Held as long as this process lives: what tells an open session from a cut one.
  auto alive = context.files.lock(context.layout.live(id), os::Wait::kNo);
  if (!alive && !fail_open) return fail(std::move(alive).error());

  const bool keep_input = session.how.input_policy != event::InputPolicy::kNone;
  agent::Pipeline pipeline =
      make_pipeline(context, setup, id, {.fail_open = fail_open, .keep_input = keep_input});
  TRY_VOID(pipeline.open(session.start));
  session.how.session = to_string(id);
  auto outcome = capture::run(session.how, pipeline, context.clock);
  if (!outcome) return fail(std::move(outcome).error());
  const Status closed = pipeline.close();
  (void)context.files.remove(context.layout.live(id));
  warn_if_not_run(*outcome);
  if (!closed) {
    warn(closed.error().message());
    if (!fail_open) return kExitFailed;
  }
  return outcome->exit_code;
}

/// There is nothing to seal with: no keys, no ledger. If there is when the session has ended, a gap
/// is left there.
Result<int> run_unrecorded(Context& context, Session session, const Error& why) {
  warn("NOT RECORDED: " + why.message() + ". Going on, as --fail-open says");
  agent::Unrecorded sink(context.clock.boot(), why.message());
  TRY(const auto outcome, capture::run(session.how, sink, context.clock));
  warn_if_not_run(outcome);
  auto setup = load_setup(context);
  if (!setup) {
    warn("this session left no record: " + setup.error().message());
    return outcome.exit_code;
  }
  const StreamId id = make_uuid_v7(context.clock.wall(), os::system_random);
  agent::Pipeline pipeline = make_pipeline(context, *setup, id, {});
  const auto leave_gap = [&]() -> Status {
    TRY_VOID(pipeline.open(session.start));
    const BootTime now = context.clock.boot();
    TRY_VOID(pipeline.event(now, event::Lane::kFacts, sink.gap(now)));
    TRY_VOID(pipeline.event(now, event::Lane::kFacts, outcome.end));
    return pipeline.close();
  };
  if (const Status left = leave_gap(); !left)
    warn("this session left no record: " + left.error().message());
  return outcome.exit_code;
}

Result<int> run(Context& context, const RecordOptions& options, event::InputPolicy policy) {
  auto setup = load_setup(context);
  if (!setup && !options.fail_open) return fail(std::move(setup).error());
  TRY(Session session, prepare(options, policy));
  if (!setup) return run_unrecorded(context, std::move(session), setup.error());
  return run_recorded(context, *setup, std::move(session), options.fail_open);
}

/// Becomes the recorder, which has rights that this program has not. It judges what is asked of it.
int hand_to_agent(const RecordOptions& options) {
  if (options.fail_open) {
    return report({Code::kPermission,
                   std::string("--fail-open: this host is enrolled (") + kAgentConfiguration +
                       "), and its policy says what happens when nothing can be recorded",
                   0});
  }
  std::vector<std::string> argv = {"stele-recorder", "--title", options.title};
  if (!options.input.empty()) argv.insert(argv.end(), {"--input", options.input});
  if (!options.break_glass.empty()) argv.insert(argv.end(), {"--break-glass", options.break_glass});
  argv.emplace_back("--");
  argv.insert(argv.end(), options.command.begin(), options.command.end());
  return report(os::become_sibling("stele-recorder", argv));
}

}  // namespace

int record(Context& context, const RecordOptions& options) {
  if (is_enrolled()) return hand_to_agent(options);
  if (!options.break_glass.empty())
    return report({Code::kInvalid, "--break-glass: this host has no agent that could refuse", 0});
  const std::string input = options.input.empty() ? "redact" : options.input;
  const auto policy = event::parse_input_policy(input);
  if (!policy) return report({Code::kInvalid, "--input: all, redact or none, not " + input, 0});
  auto status = run(context, options, *policy);
  if (status) return *status;
  warn("not recorded, so the session was " +
       std::string(options.fail_open ? "ended" : "refused or ended") + ": " +
       status.error().message());
  return kExitFailed;
}

}  // namespace stele::cli
