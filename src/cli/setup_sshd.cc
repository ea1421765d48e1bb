#include "cli/setup_sshd.h"

#include <algorithm>
#include <cstdio>

#include "cli/commands.h"
#include "cli/setup_file.h"
#include "os/process.h"
#include "os/run.h"
#include "os/who.h"

namespace stele::cli {
namespace {

constexpr const char* kSshd = "/usr/sbin/sshd";

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

Status run(Context& context, const SetupSshdOptions& options) {
  if (options.kept.empty())
    return fail(Code::kInvalid,
                "--keep USER: name somebody who can log in without a record when no agent runs; "
                "else a dead agent locks everybody out");
  TRY(const std::string shell, os::sibling_path("stele-shell"));
  TRY_VOID(check_host(options.config, shell));
  for (const std::string& user : options.kept) TRY_VOID(check_kept(options.config, user));
  TRY(const std::string after, sshd_drop_in(shell, options.kept));

  const std::string path = options.config + ".d/00-stele.conf";
  TRY(const auto before, read_configuration(context, path));
  const std::string change = difference(path, before, after);
  std::fputs(change.empty() ? "nothing to change\n" : change.c_str(), stdout);
  if (change.empty() || !options.apply) return {};
  TRY_VOID(
      put_in_force(context, path, before, after, [&] { return check_effect(options, shell); }));
  std::fputs("Written. It holds for logins after: systemctl reload ssh\n", stderr);
  return {};
}

}  // namespace

Result<std::string> sshd_drop_in(const std::string& shell, const std::vector<std::string>& kept) {
  std::string whom = "*";
  for (const std::string& user : kept) {
    if (user.empty() || user.find_first_of(" \t\r\n,!*?\"'#\\") != std::string::npos)
      return fail(Code::kInvalid, "--keep: \"" + user + "\" is not one user's name");
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
