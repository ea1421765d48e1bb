// stele: the command line. Builds the options, calls one function.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>

#include "base/version.h"
#include "cli/commands.h"
#ifdef STELE_READER
#include "cli/remote.h"
#endif
#include "cli/shell.h"
#include "os/process.h"

namespace {

using namespace stele::cli;

constexpr const char* kAbout =
    "Immutable audit logs for terminals.\n"
    "Records terminal sessions, seals them while they run, and proves what was and was not changed "
    "since.";

struct Options {
  std::string directory, identity, session;
  RemoteOptions remote;
  bool json = false, coverage = false;
  InitOptions init;
  RecordOptions record;
  Filter filter;
  PlayOptions play;
  ExportOptions exported;
  VerifyOptions verify;
  ScrubOptions scrub;
  GrantOptions grant;
  HoldOptions hold;
  PolicyOptions policy;
  SetupSshdOptions setup_sshd;
  SetupSudoOptions setup_sudo;
  std::string agent_configuration = kAgentConfiguration;
};

void add_session(CLI::App* command, std::string& session) {
  command->add_option("SESSION", session, "session id, or enough of its beginning")->required();
}

void add_identity(CLI::App* command, std::string& identity) {
  command->add_option("-i,--identity", identity,
                      "age identity file that opens sessions (default: the ledger's auditor.age)");
}

/// For commands that read: a server in place of the directory.
void add_server(CLI::App* command, RemoteOptions& remote) {
  command->add_option("--server", remote.server, "read from this server (https://NAME:PORT)");
  command
      ->add_option("--token-file", remote.token_file,
                   "file with your token for it, as `stele user token` printed it")
      ->envname("STELE_TOKEN_FILE");
  command->add_option("--ca-pin", remote.authority_pin, "its authority, as the server prints it");
  command->add_option("--ca", remote.authority_file, "its authority's certificate (PEM)");
}

CLI::App* add_init(CLI::App& app, Options& o) {
  auto* c = app.add_subcommand("init", "make keys, recipients list and ledger in one step");
  c->add_option("--origin", o.init.origin, "the log's name (default: stele/HOST/RANDOM)");
  c->add_option("--auditor", o.init.auditors,
                "age recipient who may read sessions (default: a new identity in auditor.age)");
  c->add_option("--recovery", o.init.recovery,
                "age recipient to fall back on when identities are lost");
  c->add_flag("--no-recovery", o.init.no_recovery, "do not ask for a recovery recipient");
  auto* of =
      c->add_option("--successor-of", o.init.successor_of,
                    "go on, as another log, from what is left of the ledger in this directory");
  c->add_option("--last", o.init.last,
                "the newest checkpoint that anybody has of that log (default: its own)")
      ->needs(of);
  for (const char* other : {"--auditor", "--recovery", "--no-recovery"})
    of->excludes(c->get_option(other));
  return c;
}

CLI::App* add_setup_sshd(CLI::App* setup, Options& o) {
  auto* c = setup->add_subcommand(
      "sshd",
      "have sshd run stele-shell for everybody; prints the change, and makes it if told to");
  c->add_option("--keep", o.setup_sshd.kept,
                "USER who keeps a way in without a record, for when no agent runs; as often as "
                "needed");
  c->add_flag("--pam", o.setup_sshd.is_pam,
              "in place of stele-shell: have PAM tell the agent who was let in; records nothing by "
              "itself");
  c->add_option("--config", o.setup_sshd.config, "sshd's configuration")->capture_default_str();
  c->add_option("--pam-config", o.setup_sshd.pam_config, "PAM's configuration of sshd")
      ->capture_default_str();
  c->add_flag(
      "--apply,!--dry-run", o.setup_sshd.apply,
      "write the file, unless sshd would not do what it says; or (the default) only show it");
  return c;
}

CLI::App* add_setup_sudo(CLI::App* setup, Options& o) {
  auto* c = setup->add_subcommand(
      "sudo",
      "have sudo hand its sessions to the agent; prints the change, and makes it if told to");
  c->add_option("--config", o.setup_sudo.config, "sudo's configuration")->capture_default_str();
  c->add_flag("--apply,!--dry-run", o.setup_sudo.apply,
              "write the file, unless sudo would not work with it; or (the default) only show it");
  return c;
}

CLI::App* add_record(CLI::App& app, Options& o) {
  auto* c = app.add_subcommand("record", "record a session; its exit status is the command's");
  c->add_option("-t,--title", o.record.title, "a title to find it by");
  c->add_option("--input", o.record.input,
                "what of the typing is kept: all, redact (secrets out; default) or none. "
                "What is typed without echo is never kept; a host's policy may keep less")
      ->check(CLI::IsMember({"all", "redact", "none"}));
  c->add_option("--break-glass", o.record.break_glass,
                "REASON: record into the room that is kept for repairs, where policy allows it");
  c->add_flag("--fail-open", o.record.fail_open,
              "go on when nothing can be recorded, and leave a gap that says how much and why");
  c->add_option("COMMAND", o.record.command,
                "command and arguments, after -- (default: your login shell)");
  c->positionals_at_end();
  c->footer(
      "Exit status: the command's, 128+n if signal n ended it, 126/127 if it could not be run, 70 "
      "if it could not be recorded.");
  return c;
}

CLI::App* add_sessions(CLI::App& app, Options& o) {
  auto* c = app.add_subcommand("sessions", "list recorded sessions");
  c->add_option("--user", o.filter.user, "of users with this in their name");
  c->add_option("--host", o.filter.host, "on hosts with this in their name");
  c->add_option("--command", o.filter.command, "of commands with this in them");
  c->add_option("--person", o.filter.person,
                "of people with this in their name, by the roles of their host");
  c->add_option("--role", o.filter.role, "of people who had this role");
  c->add_option("--since", o.filter.since,
                "that began at or after: 2026-11-23 or 2026-11-23T10:00 (UTC)");
  c->add_option("--until", o.filter.until, "that began before");
  add_identity(c, o.identity);
  add_server(c, o.remote);
  return c;
}

CLI::App* add_play(CLI::App& app, Options& o) {
  auto* c = app.add_subcommand("play", "play a session back");
  add_session(c, o.play.session);
  add_identity(c, o.play.identity);
  add_server(c, o.remote);
  c->add_flag("--follow", o.play.follow, "from where the session is now, as it goes on");
  c->add_option("-s,--speed", o.play.speed, "times as fast")->check(CLI::Range(0.01, 1000.0));
  c->add_option("--idle", o.play.idle_max, "wait at most so many seconds between two outputs");
  c->add_option("--at", o.play.start_at, "start so many seconds in");
  c->add_flag("--raw", o.play.raw,
              "pass every escape sequence to your terminal, also those that can harm you");
  c->footer(
      "Keys: space pause, . step, left/right 5 s back/on, [ ] slower/faster, g jump to a time, "
      "n/N next/previous command, q quit.");
  return c;
}

CLI::App* add_export(CLI::App& app, Options& o) {
  auto* c = app.add_subcommand("export", "write a session in a format for other tools");
  add_session(c, o.exported.session);
  add_identity(c, o.exported.identity);
  add_server(c, o.remote);
  c->add_option("-f,--format", o.exported.format,
                "asciicast (v3), asciicast-v2, text (what the screen showed), json (events), raw "
                "(the bytes shown), raw-input (those sent), raw-error (those written to standard "
                "error where there was no terminal)")
      ->check(CLI::IsMember(
          {"asciicast", "asciicast-v2", "text", "json", "raw", "raw-input", "raw-error"}));
  c->add_option("-o,--output", o.exported.output, "file (default: standard output)");
  return c;
}

CLI::App* add_verify(CLI::App& app, Options& o) {
  auto* c = app.add_subcommand(
      "verify", "check every byte against signatures and checkpoints; needs no private key");
  c->add_option("SESSION|PATH", o.verify.session,
                "show one session only, or verify the ledger in another directory");
  c->add_flag("--all", o.verify.all, "every session (the default)");
  c->add_flag("--every-signature", o.verify.every_signature,
              "check each segment's signature, not only the last that vouches for the rest");
  c->add_option("--threads", o.verify.threads, "at most so many (default: all cores)");
  c->add_flag("--log-only", o.verify.log_only,
              "the log's tiles and checkpoint alone: reads no segment, gives no stream a verdict");
  c->add_option("-i,--identity", o.verify.identity,
                "age identity file: tells also what hosts say of themselves (default: the ledger's "
                "auditor.age, where it is); changes no verdict");
  add_server(c, o.remote);
  c->add_flag("--forget", o.verify.forget, "do not hold the log against what you saw of it before");
  c->footer(
      "Exit status: 1 if anything is tampered or missing, else 2 if anything could not be checked, "
      "else 0.");
  return c;
}

CLI::App* add_scrub(CLI::App& app, Options& o) {
  auto* c = app.add_subcommand(
      "scrub",
      "read everything that is stored again, a volume at a time and the one that was read the "
      "longest ago first; goes on where it was stopped");
  c->add_option("--rate", o.scrub.rate_mb, "read at most so many MB a second");
  c->add_option("--for", o.scrub.time, "stop after so long, as 30m");
  c->add_option("-i,--identity", o.scrub.identity,
                "age identity file: opens some sessions, by chance, to see that it still can");
  c->add_option("--samples", o.scrub.samples, "so many of them")->capture_default_str();
  add_server(c, o.remote);
  c->footer(
      "Exit status: 1 if anything is not what the newest checkpoint commits to, else 2 if anything "
      "could not be read or opened, else 0.");
  return c;
}

CLI::App* add_grant(CLI::App* key, Options& o) {
  auto* c = key->add_subcommand(
      "grant", "let a recipient read: sessions from now on, and those recorded before");
  c->add_option("RECIPIENT", o.grant.recipient, "age recipient (age1…)")->required();
  c->add_option("--role", o.grant.role, "auditor or recovery")
      ->check(CLI::IsMember({"auditor", "recovery"}));
  add_identity(c, o.grant.identity);
  return c;
}

CLI::App* add_policy(CLI::App* policy, Options& o, const char* name, const char* about) {
  auto* c = policy->add_subcommand(name, about);
  c->add_option("FILE", o.policy.file, "a draft or a signed policy")->required();
  c->add_option("--key", o.policy.key, "policy key (default: the ledger's)");
  return c;
}

CLI::App* add_hold(CLI::App* hold, Options& o, const char* name, const char* about) {
  auto* c = hold->add_subcommand(name, about);
  add_server(c, o.remote);
  return c;
}

CLI::App* add_ask_hold(CLI::App* hold, Options& o) {
  auto* c = add_hold(hold, o, "ask", "ask that something be kept, whatever its retention says");
  auto* session = c->add_option("--session", o.hold.session, "one session");
  auto* person = c->add_option("--person", o.hold.person,
                               "a person's sessions, and all that open from now on");
  auto* since = c->add_option("--since", o.hold.since, "all sessions from this time, UTC …");
  auto* until = c->add_option("--until", o.hold.until, "… until this one");
  since->needs(until);
  until->needs(since);
  session->excludes(person)->excludes(since);
  person->excludes(since);
  c->add_option("--reason", o.hold.reason, "why, in one line")->required();
  add_identity(c, o.hold.identity);
  return c;
}

/// Commands of programs of their own, so that recording a session loads neither TLS nor HTTP.
struct Elsewhere {
  const char* command;
  const char* about;
  const char* program;
};
constexpr Elsewhere kElsewhere[] = {
    {"server", "serve a ledger to enrolled hosts", "stele-server"},
    {"token", "let a host in", "stele-server"},
    {"user", "who may ask a server for what", "stele-server"},
    {"host", "the hosts a server knows", "stele-server"},
    {"prune", "remove what has lawfully expired", "stele-prune"},
    {"vault", "whether an object store keeps what it is told to", "stele-server"},
    {"enroll", "make this host known to a server", "stele-agent"},
    {"agent", "seal and ship what this host's recorders say", "stele-agent"},
};

/// What reads from a server knows TLS and HTTP: another program, with all of this one's commands.
#ifndef STELE_READER
bool wants_server(int argc, char** argv) {
  const auto is = [](std::string_view wanted) {
    return [wanted](std::string_view word) { return word == wanted; };
  };
  char** const end = std::find_if(argv, argv + argc, is("--"));
  return std::none_of(argv, end, is("record")) && std::any_of(argv, end, [](std::string_view word) {
           return word == "--server" || word.starts_with("--server=");
         });
}
#endif

const Elsewhere* elsewhere(const char* command) {
  const auto* found = std::find_if(std::begin(kElsewhere), std::end(kElsewhere), [&](auto& entry) {
    return std::string_view(entry.command) == command;
  });
  return found == std::end(kElsewhere) ? nullptr : found;
}

}  // namespace

int main(int argc, char** argv) {
  stele::os::occupy_standard_descriptors();
  const bool is_shell = name_shell_behind();
  const std::vector<std::string> words(argv, argv + argc);
  if (const auto asked = asked_of_a_shell(words, is_shell)) return be_shell(words, *asked);
  if (const Elsewhere* other = argc > 1 ? elsewhere(argv[1]) : nullptr)
    return report(stele::os::become_sibling(other->program, {argv, argv + argc}));
#ifndef STELE_READER
  if (wants_server(argc, argv))
    return report(stele::os::become_sibling("stele-reader", {argv, argv + argc}));
#endif
  Options o;
  CLI::App app(kAbout, "stele");
  app.set_version_flag("--version", std::string("stele ") + stele::kVersion);
  app.add_option("-d,--dir", o.directory,
                 "ledger directory (default: $STELE_DIR, else /var/lib/stele for root, else "
                 "~/.local/share/stele)");
  app.add_flag("--json", o.json, "print facts as JSON");
  app.require_subcommand(1);
  app.footer(
      "As somebody's shell (in the passwd file, in $SHELL, of tmux) it records $STELE_SHELL, or "
      "bash; a command without any terminal (scp) is recorded on an enrolled host, and run without "
      "a "
      "record elsewhere.");
  app.fallthrough();
  CLI::App* init_command = add_init(app, o);
  CLI::App* record_command = add_record(app, o);
  CLI::App* sessions_command = add_sessions(app, o);
  CLI::App* hosts_command = app.add_subcommand(
      "hosts", "each host's last word, what it counts, and what is missing or was noticed");
  hosts_command->add_flag("--coverage", o.coverage,
                          "by day: terminals that the kernel saw, those recorded, and why not");
  add_identity(hosts_command, o.identity);
  add_server(hosts_command, o.remote);
  CLI::App* show_command = app.add_subcommand("show", "facts of one session, and its verdict");
  add_session(show_command, o.session);
  add_identity(show_command, o.identity);
  add_server(show_command, o.remote);
  CLI::App* play_command = add_play(app, o);
  CLI::App* export_command = add_export(app, o);
  CLI::App* verify_command = add_verify(app, o);
  CLI::App* scrub_command = add_scrub(app, o);
  CLI::App* status_command = app.add_subcommand(
      "status",
      "where the ledger is, what protects it, and what does not; on an enrolled host without one, "
      "what its agent records, and what it misses");
  status_command->add_option("--config", o.agent_configuration, "the agent's configuration")
      ->capture_default_str();
  CLI::App* key_command = app.add_subcommand("key", "who may read");
  key_command->require_subcommand(1);
  CLI::App* grant_command = add_grant(key_command, o);
  CLI::App* list_command = key_command->add_subcommand("list", "the recipients in force");
  CLI::App* hold_command = app.add_subcommand(
      "hold", "at a server: what is kept whatever its retention says; it takes two people");
  hold_command->require_subcommand(1);
  CLI::App* ask_hold_command = add_ask_hold(hold_command, o);
  CLI::App* approve_hold_command =
      add_hold(hold_command, o, "approve", "approve what somebody else asked for");
  CLI::App* release_hold_command =
      add_hold(hold_command, o, "release", "ask that a hold be released");
  release_hold_command->add_option("--reason", o.hold.reason, "why, in one line")->required();
  for (CLI::App* c : {approve_hold_command, release_hold_command})
    c->add_option("HOLD", o.hold.hold, "its id, as it was printed")->required();
  CLI::App* list_holds_command =
      add_hold(hold_command, o, "list", "all there ever were, and who did what");
  CLI::App* policy_command = app.add_subcommand("policy", "what holds for whose sessions on hosts");
  policy_command->require_subcommand(1);
  CLI::App* check_policy_command =
      add_policy(policy_command, o, "check", "whether it is one, and who signed it");
  CLI::App* show_policy_command =
      add_policy(policy_command, o, "show", "print it in its one spelling");
  CLI::App* sign_policy_command =
      add_policy(policy_command, o, "sign", "make a draft one that hosts believe");
  sign_policy_command->add_option("-o,--output", o.policy.output,
                                  "file (default: standard output)");
  CLI::App* explain_policy_command =
      add_policy(policy_command, o, "explain", "which rule fits a session, and its terms");
  explain_policy_command->add_option("--user", o.policy.users, "its user, by name or number");
  explain_policy_command->add_option("--login", o.policy.logins, "who came in");
  explain_policy_command->add_option("--group", o.policy.groups,
                                     "a group it has; as often as needed");
  explain_policy_command->add_option("--host", o.policy.host, "where");
  explain_policy_command->add_option("--service", o.policy.service, "what began it: sshd, cron …");
  CLI::App* presets_command = policy_command->add_subcommand(
      "presets", "retention classes that somebody asks for, and who, as lines of a draft");
  CLI::App* setup_command = app.add_subcommand("setup", "have other programs use stele");
  setup_command->require_subcommand(1);
  CLI::App* setup_sshd_command = add_setup_sshd(setup_command, o);
  CLI::App* setup_sudo_command = add_setup_sudo(setup_command, o);
  CLI::App* repair_command = app.add_subcommand(
      "repair", "mend a head that was rolled back behind the published checkpoint");
  for (const Elsewhere& other : kElsewhere) app.add_subcommand(other.command, other.about);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? kExitOk : kExitUsage;
  }

  Context context;
  context.layout.directory = default_directory(o.directory);
  context.json = o.json;
  context.remote = o.remote;
#ifdef STELE_READER
  context.open_remote = open_remote;
  context.ask_server = ask_server;
#endif
  if (*init_command) return init(context, o.init);
  if (*record_command) return record(context, o.record);
  if (*sessions_command) return sessions(context, o.filter, o.identity);
  if (*hosts_command) return hosts(context, o.identity, o.coverage);
  if (*show_command) return show(context, o.session, o.identity);
  if (*play_command) return play(context, o.play);
  if (*export_command) return export_session(context, o.exported);
  if (*verify_command) return verify(context, o.verify);
  if (*scrub_command) return scrub(context, o.scrub);
  if (*status_command) return status(context, o.agent_configuration);
  if (*grant_command) return grant(context, o.grant);
  if (*list_command) return list_keys(context);
  if (*ask_hold_command) return ask_hold(context, o.hold);
  if (*approve_hold_command) return approve_hold(context, o.hold);
  if (*release_hold_command) return release_hold(context, o.hold);
  if (*list_holds_command) return list_holds(context);
  if (*check_policy_command) return check_policy(context, o.policy);
  if (*show_policy_command) return show_policy(context, o.policy);
  if (*sign_policy_command) return sign_policy(context, o.policy);
  if (*presets_command) return policy_presets();
  if (*explain_policy_command) return explain_policy(context, o.policy);
  if (*setup_sshd_command) return setup_sshd(context, o.setup_sshd);
  if (*setup_sudo_command) return setup_sudo(context, o.setup_sudo);
  if (*repair_command) return repair(context);
  return kExitUsage;
}
