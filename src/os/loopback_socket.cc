#include "os/loopback_socket.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <cstring>

#include "os/error.h"

namespace stele::os {
namespace {

constexpr int kBacklog = 64;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;

  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&storage); }
  bool is_v6() const { return storage.ss_family == AF_INET6; }
  const sockaddr_in6& v6() const { return reinterpret_cast<const sockaddr_in6&>(storage); }
  const sockaddr_in& v4() const { return reinterpret_cast<const sockaddr_in&>(storage); }
  in_port_t port() const { return is_v6() ? v6().sin6_port : v4().sin_port; }
};

Result<Address> parse_address(const std::string& text) {
  const auto wrong = [&] {
    return fail(Code::kInvalid, "\"" + text +
                                    "\": only loopback is listened on, as "
                                    "\"127.0.0.1:PORT\" or \"[::1]:PORT\"");
  };
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return wrong();
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || stop != end) return wrong();
  Address address;
  const std::string host = text.substr(0, colon);
  if (host == "127.0.0.1") {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    v4 = {.sin_family = AF_INET,
          .sin_port = htons(port),
          .sin_addr = {htonl(INADDR_LOOPBACK)},
          .sin_zero = {}};
    address.size = sizeof v4;
  } else if (host == "[::1]") {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_addr = in6addr_loopback;
    address.size = sizeof v6;
  } else {
    return wrong();
  }
  return address;
}

void copy_address(const Address& from, uint32_t (&to)[4]) {
  if (from.is_v6()) {
    std::memcpy(to, &from.v6().sin6_addr, sizeof to);
  } else {
    std::memcpy(to, &from.v4().sin_addr, sizeof from.v4().sin_addr);
  }
}

struct Question {
  nlmsghdr header{};
  inet_diag_req_v2 request{};
};

/// About the socket at `from` that is connected to `to`.
Question question_about(const Address& from, const Address& to) {
  Question question;
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.request.sdiag_family = static_cast<uint8_t>(from.storage.ss_family);
  question.request.sdiag_protocol = IPPROTO_TCP;
  question.request.idiag_states = ~0U;
  inet_diag_sockid& id = question.request.id;
  id.idiag_sport = from.port();
  id.idiag_dport = to.port();
  copy_address(from, id.idiag_src);
  copy_address(to, id.idiag_dst);
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return question;
}

Result<inet_diag_msg> ask(const Question& question) {
  const Fd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink) return fail_errno("ask", "whose a connection is");
  if (retry([&] { return ::send(netlink.get(), &question, sizeof question, 0); }) < 0)
    return fail_errno("ask", "whose a connection is");
  alignas(nlmsghdr) std::array<uint8_t, 4096> answer{};
  const ssize_t got = retry([&] { return ::recv(netlink.get(), answer.data(), answer.size(), 0); });
  if (got < 0) return fail_errno("hear", "whose a connection is");
  nlmsghdr header{};
  inet_diag_msg message{};
  if (static_cast<size_t>(got) >= NLMSG_HDRLEN + sizeof message) {
    std::memcpy(&header, answer.data(), sizeof header);
    std::memcpy(&message, answer.data() + NLMSG_HDRLEN, sizeof message);
    if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY) return message;
  }
  return fail(Code::kNotFound, "the other end of a connection is gone");
}

}  // namespace

Result<size_t> StreamSocket::send(ByteSpan bytes) {
  const ssize_t sent =
      retry([&] { return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); });
  if (sent >= 0) return static_cast<size_t>(sent);
  if (errno == EAGAIN || errno == ENOBUFS) return size_t{0};
  return fail_errno("send to", "a connection");
}

Result<Received> StreamSocket::receive(MutableByteSpan out) {
  const ssize_t got = retry([&] { return ::recv(fd_.get(), out.data(), out.size(), 0); });
  if (got > 0) return Received{.bytes = static_cast<size_t>(got)};
  if (got == 0 || errno == ECONNRESET) return Received{.is_closed = true};
  if (errno == EAGAIN) return Received{.is_blocked = true};
  return fail_errno("receive from", "a connection");
}

Result<LoopbackListener> LoopbackListener::listen(const std::string& text) {
  TRY(Address address, parse_address(text));
  Fd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("make", "a socket");
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0 ||
      ::bind(fd.get(), address.generic(), address.size) != 0 || ::listen(fd.get(), kBacklog) != 0 ||
      ::getsockname(fd.get(), address.generic(), &(address.size = sizeof address.storage)) != 0)
    return fail_errno("listen on", text);
  return LoopbackListener(std::move(fd), ntohs(address.port()));
}

Result<StreamSocket> LoopbackListener::accept() {
  Fd fd(
      retry([&] { return ::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }));
  if (fd) return StreamSocket(std::move(fd));
  if (errno == EAGAIN || errno == ECONNABORTED) return StreamSocket();
  return fail_errno("accept", "a connection");
}

Result<uint32_t> owner_of_other_end(int socket) {
  Address ours, theirs;
  if (::getsockname(socket, ours.generic(), &ours.size) != 0 ||
      ::getpeername(socket, theirs.generic(), &theirs.size) != 0)
    return fail_errno("tell", "the ends of a connection");
  TRY(const inet_diag_msg found, ask(question_about(theirs, ours)));
  if (found.idiag_state != TCP_ESTABLISHED || found.idiag_inode == 0)
    return fail(Code::kNotFound, "the other end of a connection is closed");
  return found.idiag_uid;
}

}  // namespace stele::os
