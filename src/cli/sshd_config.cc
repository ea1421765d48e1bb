#include "cli/sshd_config.h"

#include <algorithm>

#include "cli/setup_file.h"

namespace stele::cli {
namespace {

constexpr std::string_view kBetween = " \t=\"";

/// The next word of a line of sshd_config(5).
std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBetween), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBetween));
  line.remove_prefix(word.size());
  return word;
}

bool is_keyword(std::string_view word, std::string_view keyword) {
  return std::equal(word.begin(), word.end(), keyword.begin(), keyword.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

}  // namespace

Status check_name(const std::string& user) {
  if (!user.empty() && user.find_first_of(" \t\r\n,!*?\"'#\\:[]") == std::string::npos) return {};
  return fail(Code::kInvalid, "--keep: \"" + user + "\" is not one user's name");
}

bool is_within_sshd(const std::string& subsystem) {
  std::string_view rest = subsystem;
  next_word(rest);
  return next_word(rest) == "internal-sftp";
}

Result<std::string> with_sftp_server(const std::string& text, const std::string& server) {
  std::string after;
  size_t count = 0;
  for (std::string line : lines_of(text)) {
    std::string_view rest = line;
    if (is_keyword(next_word(rest), "subsystem")) {
      next_word(rest);
      if (const std::string_view program = next_word(rest); program == "internal-sftp") {
        line.replace(static_cast<size_t>(program.data() - line.data()), program.size(), server);
        ++count;
      }
    }
    after += line + "\n";
  }
  if (count == 1) return after;
  return fail(Code::kInvalid, "it stands in " + std::to_string(count) + " lines of this file");
}

std::vector<std::string> forced_commands(const std::string& text, const std::string& shell) {
  std::vector<std::string> found;
  size_t number = 0;
  for (const std::string& line : lines_of(text)) {
    ++number;
    std::string_view rest = line;
    if (!is_keyword(next_word(rest), "forcecommand")) continue;
    const std::string_view command = next_word(rest);
    if (command != "none" && command != shell)
      found.push_back("line " + std::to_string(number) + " (" + line + ")");
  }
  return found;
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

}  // namespace stele::cli
