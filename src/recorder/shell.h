// The recorder as somebody's login shell, or as sshd's ForceCommand: called `stele-shell`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace stele::recorder {

/// Holds the path of the shell of those whose login shell is stele-shell: one line, owned by root,
/// which nobody else may write. Not there: bash, or sh.
inline constexpr const char* kShellFile = "/etc/stele/shell";

struct Shell {
  std::string file;
  std::vector<std::string> argv;
  bool operator==(const Shell&) const = default;
};

/// What to run for a program that was called `name` (argv[0]) with `arguments` by somebody whose
/// shell is `file`; nothing: not as stele-shell. As a login shell it passes all on. Called by its
/// path and with no argument, as ForceCommand does, it runs what the client asked for
/// (SSH_ORIGINAL_COMMAND, `asked`), or a login shell.
std::optional<Shell> shell_to_run(const std::string& name,
                                  const std::vector<std::string>& arguments,
                                  const std::string& file, const std::string& asked);

/// Whether a program called so is stele-shell.
bool is_stele_shell(const std::string& name);

/// The shell of the user database for this process's user; where that is stele-shell, or stele,
/// kShellFile's.
/// kPermission, kInvalid: that file is not to be trusted, or names no shell.
Result<std::string> real_shell();

}  // namespace stele::recorder
