#include "agent/sudo_start.h"

#include "os/pty.h"
#include "os/who.h"

namespace stele::agent {
namespace {

using event::Known;

constexpr uint32_t kNobody = kUidElsewhere;  // whom this host does not know
constexpr size_t kClientBytesMax = 64;

os::Account account_of(const std::string& name, const SudoClient& client) {
  const os::Account nobody{kNobody, kNobody, {}};
  return client.is_elsewhere() ? nobody : os::account_named(name).value_or(nobody);
}

}  // namespace

Submitter submitter_of(const event::Sudo& sudo, const SudoClient& client) {
  Submitter who{sudo.by, account_of(sudo.by, client), client.is_elsewhere()};
  if (sudo.by_uid) who.account.uid = *sudo.by_uid;
  return who;
}

event::Start sudo_start(const sudolog::Facts& facts, const Submitter& who, const SudoClient& client,
                        const std::string& program, event::InputPolicy input) {
  event::Start start;
  start.argv = facts.sudo.argv;
  if (start.argv.empty() && !facts.sudo.file.empty()) start.argv = {facts.sudo.file};
  start.cwd = facts.asked_in;
  start.uid = start.euid = who.account.uid;
  start.gid = who.account.gid;
  start.user = who.name;
  start.groups = who.account.groups;
  start.tty = facts.sudo.tty;
  start.size = facts.size;
  start.service = kSudoService;
  for (const char* key : {"uid", "euid", "gid"}) start.known[key] = Known::kEnvironment;
  const auto mark = [&](const char* key, bool is_there) {
    if (is_there) start.known[key] = Known::kEnvironment;
  };
  mark("argv", !start.argv.empty());
  mark("cwd", !start.cwd.empty());
  mark("user", !start.user.empty());
  mark("groups", !start.groups.empty());
  mark("tty", !start.tty.empty());
  mark("size", start.size != event::WindowSize{});
  mark("service", true);
  if (client.is_elsewhere()) {
    start.host = facts.sudo.host;
    mark("host", !start.host.empty());
  } else {
    start.host = os::host_name();
    start.kernel = os::kernel_release();
    start.machine_id = os::read_system_file("/etc/machine-id").value_or("");
    start.boot_id = os::read_system_file("/proc/sys/kernel/random/boot_id").value_or("");
  }
  start.input_policy = input;
  start.title = "told by sudo's log protocol" +
                (client.is_elsewhere() ? " over TLS by " + client.name + " at " + client.address
                                       : std::string()) +
                ", sealed by this host's agent as its owner";
  start.recorder = program + " (sudo_logsrv)";
  return start;
}

std::string printable(const std::string& text) {
  std::string line = text.substr(0, kClientBytesMax);
  for (char& each : line)
    if (each < 0x20 || each > 0x7e) each = '?';
  return line.empty() ? "a client without a name" : line;
}

}  // namespace stele::agent
