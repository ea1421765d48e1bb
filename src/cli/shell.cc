#include "cli/shell.h"

#include "cli/commands.h"
#include "identity/start.h"
#include "os/process.h"
#include "os/terminal_mode.h"

namespace stele::cli {
namespace {

constexpr const char* kUsual = "/bin/bash";
constexpr const char* kLast = "/bin/sh";

std::string shell_behind(const std::vector<std::string>& environment) {
  std::string wanted = identity::variable(environment, "STELE_SHELL");
  if (wanted.starts_with('/') && !os::is_this_program(wanted)) return wanted;
  return os::is_executable(kUsual) ? kUsual : kLast;
}

}  // namespace

std::optional<std::vector<std::string>> asked_of_a_shell(std::span<const std::string> argv,
                                                         bool is_shell) {
  if (argv.empty()) return std::nullopt;
  const bool is_login = argv[0].starts_with('-');
  const auto words = argv.subspan(1);
  if (words.size() >= 2 && words[0] == "-c") return std::vector(words.begin(), words.end());
  if (words.empty() && (is_login || is_shell)) return std::vector<std::string>();
  return std::nullopt;
}

bool name_shell_behind() {
  const auto environment = os::environment();
  const std::string shell = identity::variable(environment, "SHELL");
  if (shell.empty() || !os::is_this_program(shell)) return false;
  os::set_variable("SHELL", shell_behind(environment));
  return true;
}

int be_shell(std::vector<std::string> argv, const std::vector<std::string>& words) {
  if (is_enrolled()) {
    argv[0] = argv[0].starts_with('-') ? "-stele-shell" : "stele-shell";
    return report(os::become_sibling("stele-shell", argv));
  }
  const std::string shell = identity::variable(os::environment(), "SHELL");
  RecordOptions options;
  if (!words.empty()) {
    options.command = {shell.empty() ? kLast : shell};
    options.command.insert(options.command.end(), words.begin(), words.end());
    if (!os::is_terminal(0) && !os::is_terminal(1))
      return report(os::become(options.command.front(), options.command));
  }
  Context context;
  context.layout.directory = default_directory("");
  return record(context, options);
}

}  // namespace stele::cli
