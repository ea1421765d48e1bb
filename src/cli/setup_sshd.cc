#include "cli/setup_sshd.h"

#include <algorithm>
#include <cstdio>

#include "cli/commands.h"
#include "cli/setup_file.h"
#include "cli/setup_pam.h"
#include "os/process.h"
#include "os/run.h"
#include "os/trusted_file.h"
#include "os/who.h"

namespace stele::cli {
namespace {

constexpr const char* kSshd = "/usr/sbin/sshd";
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

Status check_host(const std::string& config, const std::string& shell) {
  TRY_VOID(check_agent("nobody could log in"));
  if (!os::is_executable(shell)) return fail(Code::kNotFound, shell + " is not there");
  TRY(const std::string effect, configuration_for(config, "somebody"));
  for (const std::string& subsystem : effective(effect, "subsystem")) {
    if (subsystem.ends_with(" internal-sftp"))
      return fail(Code::kInvalid, config +
                                      ": internal-sftp runs within sshd, past every shell; say "
                                      "Subsystem sftp /usr/lib/openssh/sftp-server");
  }
  return {};
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
  return {};
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
  TRY_VOID(check_host(options.config, shell));
  for (const std::string& user : options.kept) TRY_VOID(check_kept(options.config, user));
  TRY(const std::string after, sshd_drop_in(shell, options.kept));

  const std::string path = options.config + ".d/00-stele.conf";
  TRY(const auto before, read_configuration(context, path));
  if (!tell_change(difference(path, before, after), options)) return {};
  TRY_VOID(
      put_in_force(context, path, before, after, [&] { return check_effect(options, shell); }));
  std::fputs("Written. It holds for logins after: systemctl reload ssh\n", stderr);
  return {};
}

}  // namespace

Status check_name(const std::string& user) {
  if (!user.empty() && user.find_first_of(" \t\r\n,!*?\"'#\\:[]") == std::string::npos) return {};
  return fail(Code::kInvalid, "--keep: \"" + user + "\" is not one user's name");
}

Result<std::string> sshd_drop_in(const std::string& shell, const std::vector<std::string>& kept) {
  std::string whom = "*";
  for (const std::string& user : kept) {
    TRY_VOID(check_name(user));
    whom += ",!" + user;
  }
  return "# Written by stele setup sshd: what it does is in stele's docs/operations.md.\n"
         "# Sessions are recorded, but for those of whom the next line names with a \"!\".\n"
         "Match User " +
         whom + "\n  ForceCommand " + shell + "\n";
}

std::vector<std::string> effective(std::string_view configuration, std::string_view keyword) {
  std::vector<std::string> values;
  for (const std::string& line : lines_of(configuration)) {
    if (line.size() > keyword.size() && line.starts_with(keyword) && line[keyword.size()] == ' ')
      values.push_back(line.substr(keyword.size() + 1));
  }
  return values;
}

int setup_sshd(Context& context, const SetupSshdOptions& options) {
  const Status done = run(context, options);
  return done ? kExitOk : report(done.error());
}

}  // namespace stele::cli
