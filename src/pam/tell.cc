#include "pam/tell.h"

#include <array>
#include <charconv>
#include <string_view>

#include "os/pty.h"
#include "os/unix_socket.h"
#include "wire/session.h"

namespace stele::pam {
namespace {

constexpr Micros kRetryPause = std::chrono::milliseconds(50);
constexpr int kWaitSecondsMax = 60;

Result<wire::FromAgent> hear(os::PacketSocket& socket, BootTime until, Clock& clock) {
  // The longest that an agent answers here.
  std::array<uint8_t, wire::kRefusalBytesMax + 16> room;
  for (;;) {
    TRY(const os::Received got, socket.receive(room));
    if (got.is_closed) return fail(Code::kIo, "the agent went away");
    if (!got.is_blocked) return wire::parse_from_agent(ByteSpan(room).first(got.bytes));
    const BootTime now = clock.boot();
    if (now >= until) return fail(Code::kOutcomeUnknown, "the agent does not answer");
    std::array<os::Readiness, 1> set = {{{.fd = socket.get(), .want_read = true}}};
    os::wait_until_ready(set, until - now);
  }
}

Status try_once(const Options& options, ByteSpan message, BootTime until, Clock& clock) {
  auto connected = os::PacketSocket::connect(options.socket);
  if (!connected)
    return fail(Code::kBusy, "the agent cannot be reached: " + connected.error().message());
  os::PacketSocket socket = *std::move(connected);
  TRY(const bool sent, socket.send(message));
  if (!sent) return fail(Code::kBusy, "the agent takes no message");
  TRY(const auto answer, hear(socket, until, clock));
  if (std::holds_alternative<wire::Noted>(answer)) return {};
  const auto* refused = std::get_if<wire::SessionRefused>(&answer);
  if (refused == nullptr) return fail(Code::kCorrupt, "the agent answered something else");
  const bool later = refused->code == wire::SessionRefusal::kNotNow;
  return fail(later ? Code::kBusy : Code::kPermission, "the agent refused it: " + refused->reason);
}

}  // namespace

Result<Options> parse_options(int count, const char* const* words) {
  constexpr std::string_view kSocket = "socket=", kWait = "wait=";
  Options options;
  for (int i = 0; i < count; ++i) {
    std::string_view word = words[i];
    if (word.starts_with(kSocket) && word.substr(kSocket.size()).starts_with('/')) {
      options.socket = word.substr(kSocket.size());
      continue;
    }
    int seconds = 0;
    word.remove_prefix(word.starts_with(kWait) ? kWait.size() : word.size());
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), seconds);
    if (error != std::errc() || end != word.data() + word.size() || seconds < 1 ||
        seconds > kWaitSecondsMax)
      return fail(Code::kInvalid, std::string("no option of pam_stele.so: ") + words[i]);
    options.wait = std::chrono::seconds(seconds);
  }
  return options;
}

Status tell(const Options& options, ByteSpan message, Clock& clock) {
  const BootTime until = clock.boot() + options.wait;
  for (;;) {
    Status told = try_once(options, message, until, clock);
    const bool may_change =
        !told && (told.error().code == Code::kBusy || told.error().code == Code::kIo ||
                  told.error().code == Code::kNotFound);
    if (!may_change || clock.boot() + kRetryPause >= until) return told;
    os::wait_until_ready({}, kRetryPause);
  }
}

}  // namespace stele::pam
