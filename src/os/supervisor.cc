#include "os/supervisor.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "os/error.h"
#include "os/fd.h"

namespace stele::os {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

template <typename Integer>
Integer number_of(std::string_view text) {
  Integer number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

}  // namespace

void tell_journal(Severity severity, std::string_view text) {
  std::string line;
  if (!variable("JOURNAL_STREAM").empty())
    line = "<" + std::to_string(static_cast<int>(severity)) + ">";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    line += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

Status notify_supervisor(std::string_view state) {
  const std::string_view path = variable("NOTIFY_SOCKET");
  if (path.empty()) return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((path[0] != '/' && path[0] != '@') || path.size() >= sizeof address.sun_path)
    return fail(Code::kInvalid, "NOTIFY_SOCKET: no path of a Unix socket");
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = 0;  // an abstract one
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  if (!socket || ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                          reinterpret_cast<const sockaddr*>(&address), size) < 0)
    return fail_errno("notify", path);
  return {};
}

std::optional<std::chrono::microseconds> watchdog_interval() {
  const std::string_view pid = variable("WATCHDOG_PID");
  const auto wanted = number_of<int64_t>(variable("WATCHDOG_USEC"));
  if (wanted <= 0 || (!pid.empty() && number_of<pid_t>(pid) != ::getpid())) return std::nullopt;
  return std::chrono::microseconds(wanted);
}

}  // namespace stele::os
