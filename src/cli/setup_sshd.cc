#include <algorithm>
#include <cstdio>

#include "cli/commands.h"
#include "cli/setup_file.h"
#include "cli/setup_pam.h"
#include "cli/sshd_config.h"
#include "os/process.h"
#include "os/run.h"
#include "os/trusted_file.h"
#include "os/who.h"

namespace stele::cli {
namespace {

constexpr const char* kSshd = "/usr/sbin/sshd";
constexpr const char* kSftpServer = "/usr/lib/openssh/sftp-server";
constexpr const char* kUsePam = "# Written by stele setup sshd --pam.\nUsePAM yes\n";

// All that sshd would do for a login of `user` from elsewhere.
Result<std::string> configuration_for(const std::string& config, const std::string& user) {
  TRY(const os::Ran ran, os::run_program({kSshd, "-T", "-f", config, "-C",
                                          "user=" + user + ",host=elsewhere,addr=192.0.2.1"}));
  if (ran.is_success()) return ran.output;
  return fail(Code::kInvalid, "sshd does not take " + config + ": " + ran.error);
}

bool may_log_in(const std::string& shell) {
  return !shell.empty() && !shell.ends_with("/nologin") && !shell.ends_with("/false");
}

// Who keeps a way in can have a shell there, and sshd lets them in.
Status check_kept(const std::string& config, const std::string& user) {
  const std::string name = "--keep " + user + ": ";
  TRY(const uint32_t uid, os::user_id(user));
  if (const std::string shell = os::login_shell(uid); !may_log_in(shell))
    return fail(Code::kInvalid, name + "their shell is \"" + shell + "\": they can not log in");
  TRY(const std::string effect, configuration_for(config, user));
  const auto root = effective(effect, "permitrootlogin");
  if (uid == 0 && root == std::vector<std::string>{"no"})
    return fail(Code::kInvalid, name + "sshd lets root not in (PermitRootLogin no)");
  return {};
}

Status check_host(const std::string& shell) {
  TRY_VOID(check_agent("nobody could log in"));
  if (!os::is_executable(shell)) return fail(Code::kNotFound, shell + " is not there");
  return {};
}

/// With ours in force no other ForceCommand counts: who is held to a command would get a shell.
Status check_nobody_set_free(Context& context, const std::string& config,
                             const std::string& shell) {
  std::vector<std::string> files = {config};
  if (const auto inside = context.files.list(config + ".d"); inside)
    for (const std::string& name : *inside)
      if (name.ends_with(".conf")) files.push_back(config + ".d/" + name);
  for (const std::string& file : files) {
    TRY(const auto text, read_configuration(context, file));
    const auto forced = forced_commands(text.value_or(""), shell);
    if (forced.empty()) continue;
    return fail(Code::kInvalid, file + ", " + forced.front() +
                                    ": would count for nothing, and set free whom it holds. Give "
                                    "them stele-shell as login shell, and write the Match block by "
                                    "hand (docs/operations.md)");
  }
  return {};
}

/// sshd's configuration, with a program for sftp: internal-sftp runs within sshd, past every shell.
Result<std::string> with_program_for_sftp(const std::string& config, const std::string& text) {
  TRY(const std::string effect, configuration_for(config, "somebody"));
  const auto subsystems = effective(effect, "subsystem");
  if (std::none_of(subsystems.begin(), subsystems.end(), is_within_sshd)) return text;
  auto after = os::is_executable(kSftpServer) ? with_sftp_server(text, kSftpServer)
                                              : fail(Code::kNotFound, "it is not there");
  if (after) return after;
  return fail(std::move(after).error().within(
      config + ": internal-sftp runs within sshd, past every shell; say Subsystem sftp " +
      kSftpServer));
}

// What sshd makes of the file that now is there.
Status check_effect(const SetupSshdOptions& options, const std::string& shell) {
  const auto forced = [&](const std::string& user) -> Result<std::vector<std::string>> {
    TRY(const std::string effect, configuration_for(options.config, user));
    return effective(effect, "forcecommand");
  };
  TRY(const auto everybody, forced("somebody"));
  if (everybody != std::vector<std::string>{shell})
    return fail(Code::kInvalid, options.config +
                                    " does not include the file, or forces another command before "
                                    "it (Include must come first)");
  for (const std::string& user : options.kept) {
    TRY(const auto kept, forced(user));
    if (kept == everybody) return fail(Code::kInvalid, "sshd would not spare " + user);
  }
  TRY(const std::string effect, configuration_for(options.config, "somebody"));
  const auto subsystems = effective(effect, "subsystem");
  if (std::none_of(subsystems.begin(), subsystems.end(), is_within_sshd)) return {};
  return fail(Code::kInvalid, "sftp would still run within sshd");
}

/// Prints it; whether there is anything to do.
bool tell_change(const std::string& change, const SetupSshdOptions& options) {
  std::fputs(change.empty() ? "nothing to change\n" : change.c_str(), stdout);
  return !change.empty() && options.apply;
}

/// Where a distribution puts it is PAM's own knowledge.
bool has_pam_module(Context& context, const std::string& name) {
  std::vector<std::string> places = {"/lib/security/", "/lib64/security/", "/usr/lib64/security/"};
  if (const auto inside = context.files.list("/usr/lib"); inside)
    for (const std::string& each : *inside) places.push_back("/usr/lib/" + each + "/security/");
  return std::any_of(places.begin(), places.end(),
                     [&](const std::string& place) { return context.files.exists(place + name); });
}

Status check_module(Context& context, const std::string& module) {
  if (!context.files.exists(module))
    return fail(Code::kNotFound, module + " is not there (tools/install)");
  if (!os::is_root_s_file(module))
    return fail(Code::kPermission,
                module + ": only root may be able to change it, and what leads to it");
  if (has_pam_module(context, "pam_succeed_if.so")) return {};
  return fail(Code::kNotFound, "PAM has no pam_succeed_if.so: nobody would keep a way in");
}

/// Whether sshd does. kInvalid: it does not, and with PAM passwords would come in by another way
/// than PasswordAuthentication.
Result<bool> uses_pam(const std::string& config) {
  using Values = std::vector<std::string>;
  TRY(const std::string effect, configuration_for(config, "somebody"));
  if (effective(effect, "usepam") == Values{"yes"}) return true;
  if (effective(effect, "passwordauthentication") == Values{"yes"} ||
      effective(effect, "kbdinteractiveauthentication") == Values{"no"})
    return false;
  return fail(Code::kInvalid,
              config +
                  ": with UsePAM yes passwords would be asked for, although "
                  "PasswordAuthentication says no; say KbdInteractiveAuthentication no first");
}

Status check_uses_pam(const std::string& config) {
  TRY(const bool uses, uses_pam(config));
  if (uses) return {};
  return fail(Code::kInvalid, config +
                                  " does not include the file, or says UsePAM no before it "
                                  "(Include must come first)");
}

Status run_pam(Context& context, const SetupSshdOptions& options) {
  TRY(const std::string module, installed_library("pam_stele.so"));
  TRY_VOID(check_agent("nobody could log in"));
  TRY_VOID(check_module(context, module));
  for (const std::string& user : options.kept) TRY_VOID(check_kept(options.config, user));
  const std::string& pam = options.pam_config;
  TRY(const auto before, read_configuration(context, pam));
  if (!before) return fail(Code::kNotFound, pam + " is not there");
  const auto after = sshd_pam(*before, module, options.kept);
  if (!after) return fail(Error(after.error()).within(pam));
  const std::string change = difference(pam, before, *after);

  const std::string drop_in = options.config + ".d/00-stele-pam.conf";
  TRY(const bool used_pam, uses_pam(options.config));
  TRY(const auto without, read_configuration(context, drop_in));
  if (!tell_change(change + (used_pam ? "" : difference(drop_in, without, kUsePam)), options))
    return {};
  TRY_VOID(put_in_force(context, pam, before, *after, [&]() -> Status {
    if (used_pam) return {};
    return put_in_force(context, drop_in, without, kUsePam,
                        [&] { return check_uses_pam(options.config); });
  }));
  std::fputs(
      "Written. It holds for logins after: systemctl reload ssh. Stay logged in while you try "
      "one.\n",
      stderr);
  return {};
}

Status run(Context& context, const SetupSshdOptions& options) {
  if (options.kept.empty())
    return fail(Code::kInvalid,
                "--keep USER: name somebody who can log in without a record when no agent runs; "
                "else a dead agent locks everybody out");
  if (options.is_pam) return run_pam(context, options);
  TRY(const std::string shell, os::sibling_path("stele-shell"));
  TRY_VOID(check_host(shell));
  for (const std::string& user : options.kept) TRY_VOID(check_kept(options.config, user));
  TRY(const std::string after, sshd_drop_in(shell, options.kept));

  TRY_VOID(check_nobody_set_free(context, options.config, shell));
  TRY(const auto own_before, read_configuration(context, options.config));
  TRY(const std::string own_after, with_program_for_sftp(options.config, own_before.value_or("")));
  const std::string own_change = difference(options.config, own_before, own_after);

  const std::string path = options.config + ".d/00-stele.conf";
  TRY(const auto before, read_configuration(context, path));
  const std::string change = difference(path, before, after);
  if (!tell_change(own_change + change, options)) return {};
  const auto put_drop_in = [&]() -> Status {
    const auto check = [&] { return check_effect(options, shell); };
    return change.empty() ? check() : put_in_force(context, path, before, after, check);
  };
  TRY_VOID(own_change.empty()
               ? put_drop_in()
               : put_in_force(context, options.config, own_before, own_after, put_drop_in));
  std::fputs(
      "Written. It holds for logins after: systemctl reload ssh. Keys and certificates that hold "
      "somebody to a command do so no more: docs/operations.md\n",
      stderr);
  return {};
}

}  // namespace

int setup_sshd(Context& context, const SetupSshdOptions& options) {
  const Status done = run(context, options);
  return done ? kExitOk : report(done.error());
}

}  // namespace stele::cli
