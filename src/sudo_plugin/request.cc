#include "sudo_plugin/request.h"

#include <algorithm>
#include <charconv>

#include "base/version.h"
#include "os/who.h"

namespace stele::sudo_plugin {
namespace {

/// Of all arguments: what the kernel's own word has of them (event.md, `exec`), which fits into a
/// message together with all else.
constexpr size_t kArgumentsBytesMax = size_t{28} << 10;

template <typename Number>
std::optional<Number> number_of(const Words& words, std::string_view key) {
  const std::string text = value_of(words, key);
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return number;
}

/// What fits of a command line; how many bytes of it do not.
size_t cut(Words& argv) {
  size_t kept = 0, room = kArgumentsBytesMax, lost = 0;
  for (std::string& argument : argv) {
    const bool fits = kept < wire::kArgumentCountMax && room > 0;
    const size_t bytes = fits ? std::min(argument.size(), room - 1) : 0;
    lost += argument.size() - bytes + (fits ? 0 : 1);
    argument.resize(bytes);
    if (!fits) continue;
    room -= bytes + 1;
    ++kept;
  }
  argv.resize(kept);
  return lost;
}

void fill_in_command(event::Sudo& sudo, const Words& command, Words argv) {
  if (const size_t lost = cut(argv); lost > 0)
    sudo.why += (sudo.why.empty() ? "" : "; ") + std::string("cut: ") + std::to_string(lost) +
                " bytes of the command line do not fit";
  sudo.argv = std::move(argv);
  sudo.file = value_of(command, "command");
  sudo.cwd = value_of(command, "cwd");
  sudo.as_uid = number_of<uint32_t>(command, "runas_uid");
  sudo.as_gid = number_of<uint32_t>(command, "runas_gid");
  if (sudo.as_uid) sudo.as = os::user_name(*sudo.as_uid);
}

}  // namespace

Words words_of(char* const* list) {
  Words words;
  while (list != nullptr && *list != nullptr) words.emplace_back(*list++);
  return words;
}

std::string value_of(const Words& words, std::string_view key) {
  for (const std::string& word : words) {
    if (word.size() > key.size() && word.starts_with(key) && word[key.size()] == '=')
      return word.substr(key.size() + 1);
  }
  return "";
}

event::Sudo sudo_of(const Request& request, event::Sudo::What what, std::string why,
                    std::string plugin) {
  event::Sudo sudo;
  sudo.what = what;
  sudo.why = std::move(why);
  sudo.plugin = std::move(plugin);
  sudo.by = value_of(request.user, "user");
  sudo.by_uid = number_of<uint32_t>(request.user, "uid");
  sudo.tty = value_of(request.user, "tty");
  sudo.host = value_of(request.user, "host");
  fill_in_command(sudo, request.command, request.argv);
  return sudo;
}

wire::Hello hello_of(const Request& request) {
  wire::Hello hello;
  hello.input_policy = event::InputPolicy::kAll;  // a wish, which the agent's policy tightens
  hello.size.rows = number_of<uint16_t>(request.user, "lines").value_or(0);
  hello.size.columns = number_of<uint16_t>(request.user, "cols").value_or(0);
  hello.recorder = std::string("stele_sudo.so ") + kVersion;
  hello.cwd = value_of(request.user, "cwd").substr(0, wire::kDirectoryBytesMax);
  hello.terminal = value_of(request.environment, "TERM").substr(0, wire::kTerminalBytesMax);
  hello.connection =
      value_of(request.environment, "SSH_CONNECTION").substr(0, wire::kClaimBytesMax);
  if (auto parent = parse_stream_id(value_of(request.environment, "STELE_SESSION")))
    hello.parent = *parent;
  hello.argv = request.argv;
  (void)cut(hello.argv);  // the `sudo` event says it
  return hello;
}

event::Sudo command_of(const Words& command_info, Words argv) {
  event::Sudo sudo;
  sudo.what = event::Sudo::What::kCommand;
  fill_in_command(sudo, command_info, std::move(argv));
  return sudo;
}

}  // namespace stele::sudo_plugin
