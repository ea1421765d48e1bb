#include "cli/setup_sudo.h"

#include <cstdio>
#include <string_view>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/setup_file.h"
#include "os/run.h"

namespace stele::cli {
namespace {

// What sudo takes where its configuration names no plugin (sudo.conf(5)).
constexpr const char* kOwnPlugins[] = {"sudoers_policy", "sudoers_io", "sudoers_audit"};
constexpr const char* kOurPlugins[] = {"stele_io", "stele_audit"};

std::string plugin_line(const std::string& symbol, const std::string& path) {
  return "Plugin " + symbol + " " + path;
}

/// The name behind "Plugin"; empty: the line names none.
std::string plugin_of(std::string_view line) {
  constexpr std::string_view kBlanks = " \t", kWord = "Plugin";
  const size_t from = line.find_first_not_of(kBlanks);
  if (from == line.npos || !line.substr(from).starts_with(kWord)) return "";
  line.remove_prefix(from + kWord.size());
  const size_t name = line.find_first_not_of(kBlanks);
  if (name == 0 || name == line.npos) return "";
  return std::string(line.substr(name, line.find_first_of(kBlanks, name) - name));
}

bool is_ours(const std::string& symbol) {
  return symbol == kOurPlugins[0] || symbol == kOurPlugins[1];
}

/// sudo itself, run by root: with the plugin it takes the whole way of a session.
Status check_sudo(bool ran_before) {
  TRY(const os::Ran version, os::run_program({"sudo", "-V"}));
  if (!version.is_success() || version.output.find("stele_sudo.so ") == version.output.npos)
    return fail(Code::kInvalid, "sudo does not load the plugin: " + version.error);
  if (!ran_before) return {};
  TRY(const os::Ran ran, os::run_program({"sudo", "-n", "true"}));
  if (ran.is_success()) return {};
  return fail(Code::kInvalid, "sudo -n true, which root may run, fails with it: " + ran.error);
}

Status run(Context& context, const SetupSudoOptions& options) {
  TRY(const std::string plugin, installed_library("stele_sudo.so"));
  TRY_VOID(check_agent("nobody could run sudo"));
  TRY(const auto before, read_configuration(context, options.config));
  const std::string after = sudo_conf(before, plugin);
  const std::string change = difference(options.config, before, after);
  std::fputs(change.empty() ? "nothing to change\n" : change.c_str(), stdout);
  if (change.empty() || !options.apply) return {};
  TRY(const os::Ran ran_before, os::run_program({"sudo", "-n", "true"}));
  TRY_VOID(put_in_force(context, options.config, before, after,
                        [&] { return check_sudo(ran_before.is_success()); }));
  std::fputs(
      "Written. It holds from now on. While no agent runs, sudo runs nothing: keep another "
      "way to become root.\n",
      stderr);
  return {};
}

}  // namespace

std::string sudo_conf(const std::optional<std::string>& before, const std::string& plugin) {
  std::string text;
  bool names_plugins = false;
  for (const std::string& line : lines_of(before.value_or(""))) {
    const std::string symbol = plugin_of(line);
    if (is_ours(symbol)) continue;
    names_plugins = names_plugins || !symbol.empty();
    text += line + "\n";
  }
  if (!names_plugins)
    for (const char* symbol : kOwnPlugins) text += plugin_line(symbol, "sudoers.so") + "\n";
  for (const char* symbol : kOurPlugins) text += plugin_line(symbol, plugin) + "\n";
  return text;
}

int setup_sudo(Context& context, const SetupSudoOptions& options) {
  const Status done = run(context, options);
  return done ? kExitOk : report(done.error());
}

}  // namespace stele::cli
