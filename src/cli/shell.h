// Being somebody's shell: in the passwd file, in $SHELL, of tmux or screen.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace stele::cli {

/// Whether a program was asked to be a shell, and for what: "-stele" (a login shell),
/// `stele -c COMMAND [ARGUMENT…]`, or no word at all while `is_shell` ($SHELL is this program).
/// The words for the shell behind it; empty: it is interactive.
std::optional<std::vector<std::string>> asked_of_a_shell(std::span<const std::string> argv,
                                                         bool is_shell);

/// Has $SHELL name the shell behind this program, if it names this program: what a session runs
/// must not record itself once more. Returns whether it did.
bool name_shell_behind();

/// Does what a shell called with `argv` was asked for, `words`. On an enrolled host this program
/// becomes stele-shell, which records all of it. Elsewhere, interactive or on a terminal: recorded;
/// but a command without any terminal (scp, rsync, `ssh host command` in a script) is no terminal
/// session and needs its bytes as they are: this program becomes the shell. Returns an exit status.
int be_shell(std::vector<std::string> argv, const std::vector<std::string>& words);

}  // namespace stele::cli
