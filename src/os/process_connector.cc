#include "os/process_connector.h"

#include <linux/connector.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <ctime>

#include "os/clock.h"
#include "os/error.h"

namespace stele::os {
namespace {

// Of linux/cn_proc.h, whose names differ between kernels; its numbers do not.
enum : uint32_t { kListen = 1, kFork = 1, kExec = 2, kExit = 0x80000000 };
struct Told {
  uint32_t what, cpu;
  uint64_t monotonic_ns;
  std::array<uint32_t, 4> rest;  // fork: parent, its group, child, its group; exec: process, group;
                                 // exit: process, group, status, signal
};
static_assert(sizeof(Told) == 32);

constexpr size_t kMessageBytesMax = 4096;
constexpr size_t kBatch = 256;
constexpr int kReceiveBytes = 8 << 20;

Micros monotonic() {
  timespec time{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &time);  // fails for other clocks only
  return std::chrono::duration_cast<Micros>(std::chrono::seconds(time.tv_sec) +
                                            std::chrono::nanoseconds(time.tv_nsec));
}

tl::unexpected<Error> unavailable(const char* what) {
  const int error = errno;
  const bool is_denied = error == EPERM || error == EACCES;
  return fail(is_denied ? Code::kPermission : Code::kUnsupported,
              std::string("the process connector: ") + what, error);
}

bool send_listen(int socket) {
  nlmsghdr head{};
  cn_msg message{};
  const uint32_t listen = kListen;
  message.id = {CN_IDX_PROC, CN_VAL_PROC};
  message.len = sizeof listen;
  std::array<uint8_t, sizeof head + sizeof message + sizeof listen> packet{};
  head.nlmsg_len = packet.size();
  head.nlmsg_type = NLMSG_DONE;
  std::memcpy(packet.data(), &head, sizeof head);
  std::memcpy(packet.data() + sizeof head, &message, sizeof message);
  std::memcpy(packet.data() + sizeof head + sizeof message, &listen, sizeof listen);
  return ::send(socket, packet.data(), packet.size(), 0) == static_cast<ssize_t>(packet.size());
}

}  // namespace

std::optional<ProcessEvent> parse_process_event(ByteSpan message, Micros to_boot) {
  cn_msg head{};
  Told told{};
  if (message.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, message.data(), sizeof head);
  if (head.id.idx != CN_IDX_PROC || head.id.val != CN_VAL_PROC) return std::nullopt;
  if (message.size() < sizeof head + sizeof told || head.len < sizeof told) return std::nullopt;
  std::memcpy(&told, message.data() + sizeof head, sizeof told);
  ProcessEvent event;
  event.at = BootTime(Micros(static_cast<int64_t>(told.monotonic_ns / 1000)) + to_boot);
  const auto& rest = told.rest;
  const bool is_fork = told.what == kFork;
  const uint32_t thread = is_fork ? rest[2] : rest[0];
  event.pid = is_fork ? rest[3] : rest[1];
  if (thread != event.pid) return std::nullopt;
  switch (told.what) {
    case kFork:
      event.what = ProcessEvent::What::kFork;
      event.parent = rest[1];
      return event;
    case kExec:
      event.what = ProcessEvent::What::kExec;
      return event;
    case kExit:
      event.what = ProcessEvent::What::kExit;
      event.status = rest[2];
      return event;
    default:
      return std::nullopt;
  }
}

Result<ProcessConnector> ProcessConnector::open() {
  Fd socket(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
  if (!socket) return unavailable("no socket");
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes,
                     sizeof kReceiveBytes);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = CN_IDX_PROC;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return unavailable("it may not be listened to");
  if (!send_listen(socket.get())) return unavailable("it does not answer");
  return ProcessConnector(std::move(socket));
}

ProcessConnector::Batch ProcessConnector::read() {
  Batch batch;
  const Micros to_boot = SystemClock().boot().time_since_epoch() - monotonic();
  std::array<uint8_t, kMessageBytesMax> room{};
  while (batch.events.size() < kBatch) {
    sockaddr_nl from{};
    socklen_t from_bytes = sizeof from;
    const ssize_t got = retry([&] {
      return ::recvfrom(socket_.get(), room.data(), room.size(), 0,
                        reinterpret_cast<sockaddr*>(&from), &from_bytes);
    });
    batch.has_lost = got < 0 && errno == ENOBUFS;
    if (got < 0) break;
    if (from.nl_pid != 0 || static_cast<size_t>(got) < sizeof(nlmsghdr)) continue;
    const ByteSpan message =
        ByteSpan(room).subspan(sizeof(nlmsghdr), static_cast<size_t>(got) - sizeof(nlmsghdr));
    if (const auto event = parse_process_event(message, to_boot)) batch.events.push_back(*event);
  }
  return batch;
}

}  // namespace stele::os
