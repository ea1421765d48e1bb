// One function a command; main.cc fills in the options. Each returns the exit status.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/common.h"

namespace stele::cli {

struct InitOptions {
  std::string origin;
  std::vector<std::string> auditors, recovery;  // age recipients
  bool no_recovery = false;
  std::string successor_of, last;  // a ledger's directory, and a file with its newest checkpoint
};
int init(Context& context, const InitOptions& options);

struct RecordOptions {
  std::string title;
  std::string input;        // empty: as policy has it, or redact
  std::string break_glass;  // why; of an enrolled host only
  bool fail_open = false;
  std::vector<std::string> command;  // empty: the login shell
};
int record(Context& context, const RecordOptions& options);

struct SetupSshdOptions {
  std::vector<std::string> kept;  // users who log in though no agent runs
  bool is_pam = false;            // pam_stele.so in its PAM session in place of stele-shell
  std::string config = "/etc/ssh/sshd_config";
  std::string pam_config = "/etc/pam.d/sshd";
  bool apply = false;
};
int setup_sshd(Context& context, const SetupSshdOptions& options);

struct SetupSudoOptions {
  std::string config = "/etc/sudo.conf";
  bool apply = false;
};
int setup_sudo(Context& context, const SetupSudoOptions& options);

/// What hosts say of themselves in their own streams; `coverage`: which terminals were recorded, by
/// day.
int hosts(Context& context, const std::string& identity, bool coverage);

struct Filter {
  std::string user, host, command, person;  // substrings
  std::string role;                         // one of the person's, whole
  std::string since, until;                 // RFC 3339 date or time, UTC

  /// Whether it asks for anything that only the session itself has.
  bool asks_of_facts() const {
    return !(user.empty() && host.empty() && command.empty() && person.empty() && role.empty());
  }
};
int sessions(Context& context, const Filter& filter, const std::string& identity);
int show(Context& context, const std::string& session, const std::string& identity);

struct PlayOptions {
  std::string session, identity;
  double speed = 1;
  std::optional<double> idle_max;  // seconds
  double start_at = 0;             // seconds
  bool raw = false;                // pass terminal escape sequences through as recorded
  bool follow = false;             // from where it is now, as it goes on
};
int play(Context& context, const PlayOptions& options);

struct ExportOptions {
  std::string session, identity, format = "asciicast", output;
};
int export_session(Context& context, const ExportOptions& options);

struct VerifyOptions {
  std::string session;   // or a directory
  std::string identity;  // opens what hosts say of themselves
  bool all = false, every_signature = false, forget = false;
  bool log_only = false;  // tiles and checkpoint, no segments
  unsigned threads = 0;   // 0: as many as there are cores
};
int verify(Context& context, const VerifyOptions& options);

struct ScrubOptions {
  std::string identity;  // opens sessions by chance
  std::string time;      // "30m": no longer; empty: until the pass is over
  uint64_t rate_mb = 0;  // MB/s at most; 0: as fast as it goes
  size_t samples = 20;
};
int scrub(Context& context, const ScrubOptions& options);

/// `configuration`: of this host's agent.
int status(Context& context, const std::string& configuration);
int repair(Context& context);

struct GrantOptions {
  std::string recipient, identity, role = "auditor";
};
int grant(Context& context, const GrantOptions& options);
int list_keys(Context& context);

/// At a server; one of the first three, or `since` and `until`, says what is asked for.
struct HoldOptions {
  std::string session, person, since, until;
  std::string reason, identity;
  std::string hold;  // to be approved or released
};
int ask_hold(Context& context, const HoldOptions& options);
int approve_hold(Context& context, const HoldOptions& options);
int release_hold(Context& context, const HoldOptions& options);
int list_holds(Context& context);

/// docs/formats/policy.md. `key`: of sign the private key, of the others the verifier key.
struct PolicyOptions {
  std::string file, key, output;
  std::vector<std::string> users, logins, groups;  // explain: names and numbers of one session
  std::string host, service;
};
int check_policy(Context& context, const PolicyOptions& options);
int show_policy(Context& context, const PolicyOptions& options);
int explain_policy(Context& context, const PolicyOptions& options);
int sign_policy(Context& context, const PolicyOptions& options);
/// Retention classes that somebody asks for, and who, as lines of a draft.
int policy_presets();

}  // namespace stele::cli
