#include "cli/setup_pam.h"

#include <algorithm>
#include <string_view>

#include "cli/setup_file.h"
#include "cli/sshd_config.h"

namespace stele::cli {
namespace {

constexpr const char* kRemark =
    "# Written by stele setup sshd --pam: where the agent does not note who came, only those "
    "behind "
    "\"in\" are let in.";
constexpr std::string_view kBlanks = " \t";

struct Line {
  std::string type, control, module, options;
};

/// The next word, or all between brackets; what is left stays in `text`.
std::string take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  const size_t bracket = text.starts_with('[') ? text.find(']') : text.npos;
  const size_t end = bracket == text.npos ? text.find_first_of(kBlanks) : bracket + 1;
  const std::string word(text.substr(0, end));
  text.remove_prefix(word.size());
  return word;
}

Line parse(std::string_view text) {
  Line line;
  for (std::string* word : {&line.type, &line.control, &line.module}) *word = take_word(text);
  line.options = text;
  if (line.type.starts_with('-')) line.type.erase(0, 1);
  for (char& c : line.type)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  line.module.erase(0, line.module.rfind('/') + 1);
  return line;
}

std::vector<std::string> without_ours(const std::string& text) {
  std::vector<std::string> rest;
  bool is_spared = false;  // the line before passed over this one
  for (const std::string& each : lines_of(text)) {
    const Line line = parse(each);
    const bool is_module = line.type == "session" && line.module == "pam_stele.so";
    const bool is_ours =
        is_module || each == kRemark || (is_spared && line.module == "pam_succeed_if.so");
    is_spared = is_module && line.control.starts_with("[success=1");
    if (!is_ours) rest.push_back(each);
  }
  return rest;
}

bool jumps(const std::string& control) {
  for (size_t at = control.find('='); at != control.npos; at = control.find('=', at + 1))
    if (at + 1 < control.size() && control[at + 1] >= '0' && control[at + 1] <= '9') return true;
  return false;
}

/// How many lines stand before ours.
Result<size_t> place_in(const std::vector<std::string>& lines) {
  for (size_t i = 0; i < lines.size(); ++i) {
    const Line line = parse(lines[i]);
    const std::string where = "line " + std::to_string(i + 1);
    if (line.type.starts_with('#')) continue;
    if (line.options.find("user_readenv=1") != std::string::npos)
      return fail(Code::kInvalid, where + " reads a file of the user's before the agent is told");
    if (lines[i].ends_with('\\') || (line.type == "session" && jumps(line.control)))
      return fail(Code::kInvalid, where + " counts or joins the lines behind it: put " +
                                      "pam_stele.so there by hand (docs/operations.md)");
    if (line.type == "session" && line.module == "pam_loginuid.so") return i + 1;
  }
  return fail(Code::kInvalid,
              "no session line has pam_loginuid.so: without it the kernel does not say whose a "
              "session is");
}

}  // namespace

Result<std::string> sshd_pam(const std::string& before, const std::string& module,
                             const std::vector<std::string>& kept) {
  std::vector<std::string> lines = without_ours(before);
  TRY(const size_t place, place_in(lines));
  std::string spared;
  for (const std::string& user : kept) {
    TRY_VOID(check_name(user));
    spared += (spared.empty() ? "" : ":") + user;
  }
  const std::vector<std::string> ours = {
      kRemark, "session    [success=1 default=ignore] " + module,
      "session    required     pam_succeed_if.so quiet user in " + spared};
  lines.insert(lines.begin() + static_cast<ptrdiff_t>(place), ours.begin(), ours.end());
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace stele::cli
