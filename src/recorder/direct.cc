#include "recorder/direct.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace stele::recorder {
namespace {

using Words = std::vector<std::string>;

constexpr std::array<std::string_view, 5> kSftpServers = {
    "/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server",
    "/usr/lib/ssh/sftp-server", "/usr/lib/sftp-server"};
constexpr const char* kScp = "/usr/bin/scp";
constexpr std::array<std::string_view, 8> kShells = {"sh",  "bash", "dash", "zsh",
                                                     "ksh", "mksh", "fish", "tcsh"};
constexpr std::string_view kPlain =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@+,-";
constexpr std::array<std::string_view, 12> kVariables = {"HOME",
                                                         "LANG",
                                                         "LOGNAME",
                                                         "MAIL",
                                                         "PATH",
                                                         "SHELL",
                                                         "SSH_CLIENT",
                                                         "SSH_CONNECTION",
                                                         "SSH_ORIGINAL_COMMAND",
                                                         "SSH_USER_AUTH",
                                                         "TZ",
                                                         "USER"};

template <typename All>
bool has(const All& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

/// Nothing: there is more in it than words and single blanks.
std::optional<Words> plain_words(std::string_view command) {
  Words words;
  while (!command.empty()) {
    const std::string_view word = command.substr(0, command.find(' '));
    if (word.empty() || word.find_first_not_of(kPlain) != word.npos) return std::nullopt;
    words.emplace_back(word);
    command.remove_prefix(word.size());
    if (command == " ") return std::nullopt;
    if (!command.empty()) command.remove_prefix(1);
  }
  return words;
}

/// `scp -t` takes one name, `scp -f` one or more; of flags, those of the protocol.
wire::Program scp_of(const Words& words) {
  wire::Program program = wire::Program::kAny;
  size_t i = 1;
  for (; i < words.size() && words[i].starts_with('-'); ++i) {
    if (words[i] == "--") {
      ++i;
      break;
    }
    for (const char flag : std::string_view(words[i]).substr(1)) {
      if (flag == 't' || flag == 'f') {
        if (program != wire::Program::kAny) return wire::Program::kAny;
        program = flag == 't' ? wire::Program::kScpTo : wire::Program::kScpFrom;
      } else if (std::string_view("dprv").find(flag) == std::string_view::npos) {
        return wire::Program::kAny;
      }
    }
  }
  const size_t names = words.size() - i;
  const bool fits = program == wire::Program::kScpTo ? names == 1 : names >= 1;
  return fits ? program : wire::Program::kAny;
}

}  // namespace

std::optional<Direct> direct_program(const Shell& shell) {
  if (shell.argv.size() != 3 || shell.argv[1] != "-c") return std::nullopt;
  if (!has(kShells, std::string_view(shell.file).substr(shell.file.rfind('/') + 1)))
    return std::nullopt;
  auto words = plain_words(shell.argv[2]);
  if (!words || words->empty()) return std::nullopt;
  if (has(kSftpServers, words->front()))
    return Direct{wire::Program::kSftpServer, words->front(), *words};
  if (words->front() != "scp") return std::nullopt;
  const wire::Program scp = scp_of(*words);
  if (scp == wire::Program::kAny) return std::nullopt;
  return Direct{scp, kScp, *words};
}

std::vector<std::string> plain_environment(const std::vector<std::string>& environment) {
  std::vector<std::string> plain;
  for (const std::string& each : environment) {
    const std::string_view name = std::string_view(each).substr(0, each.find('='));
    if (has(kVariables, name) || name.starts_with("LC_")) plain.push_back(each);
  }
  return plain;
}

}  // namespace stele::recorder
