#include "recorder/shell.h"

#include "os/process.h"
#include "os/trusted_file.h"
#include "os/who.h"

namespace stele::recorder {
namespace {

constexpr size_t kShellBytesMax = 4096;
constexpr const char* kUsual = "/bin/bash";
constexpr const char* kLast = "/bin/sh";

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

bool is_stele_shell(const std::string& name) {
  const std::string base = base_name(name);
  return base == "stele-shell" || base == "-stele-shell";
}

std::optional<Shell> shell_to_run(const std::string& name,
                                  const std::vector<std::string>& arguments,
                                  const std::string& file, const std::string& asked) {
  if (!is_stele_shell(name)) return std::nullopt;
  const bool is_login = name.starts_with('-');
  const std::string base = base_name(file);
  // ForceCommand of somebody whose login shell this is, too: one session, not one in another.
  const bool is_forced =
      arguments.size() == 2 && arguments[0] == "-c" && is_stele_shell(arguments[1]);
  if (!is_forced && (is_login || !arguments.empty())) {
    Shell shell{file, {(is_login ? "-" : "") + base}};
    shell.argv.insert(shell.argv.end(), arguments.begin(), arguments.end());
    return shell;
  }
  if (asked.empty()) return Shell{file, {"-" + base}};
  return Shell{file, {base, "-c", asked}};
}

Result<std::string> real_shell() {
  TRY(const os::Identity who, os::identity());
  std::string shell = os::login_shell(who.uid);
  const bool is_ours = is_stele_shell(shell) || base_name(shell) == "stele";
  if (!shell.empty() && !is_ours) return shell;
  auto text = os::read_trusted_file(kShellFile, kShellBytesMax);
  if (!text && text.error().code == Code::kNotFound)
    return os::is_executable(kUsual) ? kUsual : kLast;
  if (!text) return fail(std::move(text).error());
  if (text->ends_with('\n')) text->pop_back();
  if (text->empty() || text->front() != '/' || is_stele_shell(*text))
    return fail(Code::kInvalid,
                std::string(kShellFile) + ": the path of a shell is wanted, not \"" + *text + "\"");
  return *text;
}

}  // namespace stele::recorder
