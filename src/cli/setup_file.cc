#include "cli/setup_file.h"

#include <algorithm>

#include "os/directory.h"
#include "os/process.h"
#include "os/unix_socket.h"

namespace stele::cli {
namespace {

constexpr const char* kAgentSocket = "/run/stele/agent.sock";
constexpr size_t kFileBytesMax = size_t{64} << 10;

Status write(Context& context, const std::string& path, const std::string& text, bool is_public) {
  TRY_VOID(context.files.replace(path, as_bytes(text)));
  return is_public ? os::make_public(path) : Status();
}

}  // namespace

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::string difference(const std::string& path, const std::optional<std::string>& before,
                       const std::string& after) {
  if (before == after) return "";
  const auto old = lines_of(before.value_or("")), now = lines_of(after);
  const size_t shorter = std::min(old.size(), now.size());
  size_t head = 0, tail = 0;
  while (head < shorter && old[head] == now[head]) ++head;
  while (tail < shorter - head && old[old.size() - 1 - tail] == now[now.size() - 1 - tail]) ++tail;
  std::string text = "--- " + (before ? path : "/dev/null") + "\n+++ " + path + "\n";
  if (head > 0) text += "@@ behind line " + std::to_string(head) + " @@\n";
  for (size_t i = head; i + tail < old.size(); ++i) text += "-" + old[i] + "\n";
  for (size_t i = head; i + tail < now.size(); ++i) text += "+" + now[i] + "\n";
  return text;
}

Result<std::optional<std::string>> read_configuration(Context& context, const std::string& path) {
  const auto there = context.files.read(path, kFileBytesMax);
  if (there) return std::string(as_text(*there));
  if (there.error().code == Code::kNotFound) return std::nullopt;
  return fail(there.error());
}

Status put_in_force(Context& context, const std::string& path,
                    const std::optional<std::string>& before, const std::string& after,
                    const std::function<Status()>& check) {
  const bool is_public = !before || os::is_public(path);
  if (before) TRY_VOID(write(context, path + ".before", *before, is_public));
  Status effect = write(context, path, after, is_public);
  if (effect) effect = check();
  if (effect) return {};
  Status undone = before ? write(context, path, *before, is_public) : context.files.remove(path);
  if (!undone) return fail(std::move(undone).error().within("take back what was refused"));
  return fail(std::move(effect).error().within("nothing was changed"));
}

Result<std::string> installed_library(const std::string& name) {
  constexpr std::string_view kBin = "/bin/";
  TRY(const std::string beside, os::sibling_path(name));
  const size_t bin = beside.rfind(kBin);
  if (bin == beside.npos || bin + kBin.size() + name.size() != beside.size())
    return fail(Code::kInvalid, "stele is not installed (tools/install)");
  return beside.substr(0, bin) + "/lib/stele/" + name;
}

Status check_agent(const std::string& who) {
  if (!is_enrolled())
    return fail(Code::kInvalid, "this host is not enrolled (stele enroll): " + who + " any more");
  if (auto agent = os::PacketSocket::connect(kAgentSocket); !agent) {
    return fail(std::move(agent).error().within(
        "no agent answers (systemctl status stele-agent): " + who + " any more"));
  }
  return {};
}

}  // namespace stele::cli
