#include "os/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/check.h"
#include "os/error.h"

namespace stele::os {
namespace {

constexpr int kKind = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr int kBacklog = 128;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(Code::kInvalid, "a socket's path has 1 to " +
                                    std::to_string(sizeof address.sun_path - 1) +
                                    " bytes: " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<Fd> make_socket() {
  Fd fd(::socket(AF_UNIX, kKind, 0));
  if (!fd) return fail_errno("make", "a socket");
  return fd;
}

Status remove_stale(const std::string& path) {
  struct stat there{};
  if (::lstat(path.c_str(), &there) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno("look at", path);
  }
  if (!S_ISSOCK(there.st_mode)) return fail(Code::kExists, path + " is there, and is no socket");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("remove", path);
  return {};
}

}  // namespace

Result<PacketSocket> PacketSocket::connect(const std::string& path) {
  TRY(const sockaddr_un address, address_of(path));
  TRY(Fd fd, make_socket());
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (retry([&] { return ::connect(fd.get(), generic, sizeof address); }) != 0) {
    return fail_errno("connect to", path);
  }
  return PacketSocket(std::move(fd));
}

Result<bool> PacketSocket::send(ByteSpan packet) {
  CHECK(!packet.empty());  // to the other side it would look like the end
  const ssize_t sent =
      retry([&] { return ::send(fd_.get(), packet.data(), packet.size(), MSG_NOSIGNAL); });
  if (sent >= 0) return true;
  if (errno == EAGAIN || errno == ENOBUFS) return false;
  return fail_errno("send to", "a socket");
}

Result<Received> PacketSocket::receive(MutableByteSpan out) {
  // ECONNRESET comes once, before packets that are still waiting, if the other side left without
  // having read all of ours.
  for (int attempt = 0;; ++attempt) {
    const ssize_t got = retry([&] { return ::recv(fd_.get(), out.data(), out.size(), MSG_TRUNC); });
    if (got > static_cast<ssize_t>(out.size())) {
      return fail(Code::kLimit, "a packet of " + std::to_string(got) + " bytes");
    }
    if (got > 0) return Received{.bytes = static_cast<size_t>(got)};
    if (got == 0) return Received{.is_closed = true};
    if (errno == EAGAIN) return Received{.is_blocked = true};
    if (errno != ECONNRESET) return fail_errno("receive from", "a socket");
    if (attempt > 0) return Received{.is_closed = true};
  }
}

Result<uint32_t> PacketSocket::peer_uid() const {
  ucred peer{};
  socklen_t bytes = sizeof peer;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0)
    return fail_errno("ask", "who connected");
  return peer.uid;
}

Result<PacketListener> PacketListener::listen(const std::string& path, uint32_t mode,
                                              std::optional<uint32_t> group) {
  TRY(const sockaddr_un address, address_of(path));
  TRY(Fd fd, make_socket());
  TRY_VOID(remove_stale(path));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail_errno("bind", path);
  }
  // Nobody can connect before it listens: its owner and mode are right by then.
  if (group && ::chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
    return fail_errno("change the group of", path);
  }
  if (::chmod(path.c_str(), mode) != 0) return fail_errno("change the mode of", path);
  if (::listen(fd.get(), kBacklog) != 0) return fail_errno("listen on", path);
  return PacketListener(std::move(fd));
}

Result<PacketSocket> PacketListener::accept() {
  Fd fd(
      retry([&] { return ::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }));
  if (fd) return PacketSocket(std::move(fd));
  if (errno == EAGAIN || errno == ECONNABORTED) return PacketSocket();
  return fail_errno("accept", "a connection");
}

Result<std::pair<PacketSocket, PacketSocket>> packet_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, kKind, 0, ends.data()) != 0) return fail_errno("make", "a socket pair");
  return std::pair(PacketSocket(Fd(ends[0])), PacketSocket(Fd(ends[1])));
}

}  // namespace stele::os
