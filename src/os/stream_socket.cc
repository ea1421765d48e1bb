#include "os/stream_socket.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "os/error.h"

namespace stele::os {
namespace {

constexpr int kBacklog = 64;
constexpr int kKeepIdleSeconds = 60, kKeepIntervalSeconds = 10, kKeepCount = 6;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;

  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&storage); }
  bool is_v6() const { return storage.ss_family == AF_INET6; }
  const sockaddr_in6& v6() const { return reinterpret_cast<const sockaddr_in6&>(storage); }
  const sockaddr_in& v4() const { return reinterpret_cast<const sockaddr_in&>(storage); }
  in_port_t port() const { return is_v6() ? v6().sin6_port : v4().sin_port; }
};

/// An IP address, IPv6 in brackets, and a port.
std::optional<Address> parse_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || stop != end) return std::nullopt;
  Address address;
  const std::string host = text.substr(0, colon);
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    address.size = sizeof v4;
    return address;
  }
  if (!host.starts_with('[') || !host.ends_with(']')) return std::nullopt;
  if (::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6.sin6_addr) != 1)
    return std::nullopt;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  address.size = sizeof v6;
  return address;
}

Result<Address> parse_any(const std::string& text) {
  if (const auto address = parse_address(text)) return *address;
  return fail(Code::kInvalid,
              "\"" + text +
                  "\": an IP address and a port are wanted, as \"0.0.0.0:30344\" or "
                  "\"[::]:30344\"");
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

Result<StreamListener> StreamListener::listen_on_loopback(const std::string& text) {
  const size_t colon = text.rfind(':');
  const std::string host = text.substr(0, colon);
  if ((host == "127.0.0.1" || host == "[::1]") && parse_address(text)) return listen(text);
  return fail(Code::kInvalid, "\"" + text +
                                  "\": only loopback is listened on, as "
                                  "\"127.0.0.1:PORT\" or \"[::1]:PORT\"");
}

Result<StreamListener> StreamListener::listen(const std::string& text) {
  TRY(Address address, parse_any(text));
  Fd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("make", "a socket");
  const auto set = [&](int level, int option, int value) {
    return ::setsockopt(fd.get(), level, option, &value, sizeof value) == 0;
  };
  // Connections have these from the socket that they came in by.
  const bool is_set = set(SOL_SOCKET, SO_REUSEADDR, 1) && set(SOL_SOCKET, SO_KEEPALIVE, 1) &&
                      set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdleSeconds) &&
                      set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepIntervalSeconds) &&
                      set(IPPROTO_TCP, TCP_KEEPCNT, kKeepCount);
  if (!is_set || ::bind(fd.get(), address.generic(), address.size) != 0 ||
      ::listen(fd.get(), kBacklog) != 0 ||
      ::getsockname(fd.get(), address.generic(), &(address.size = sizeof address.storage)) != 0)
    return fail_errno("listen on", text);
  return StreamListener(std::move(fd), ntohs(address.port()));
}

Result<StreamSocket> StreamListener::accept() {
  Fd fd(
      retry([&] { return ::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }));
  if (fd) return StreamSocket(std::move(fd));
  if (errno == EAGAIN || errno == ECONNABORTED) return StreamSocket();
  return fail_errno("accept", "a connection");
}

Status check_listen_address(const std::string& address) {
  TRY_VOID(parse_any(address));
  return {};
}

std::string address_text(ByteSpan bytes) {
  constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const bool is_v6 = bytes.size() == sizeof(in6_addr);
  if (!is_v6 && bytes.size() != sizeof(in_addr)) return "";
  if (is_v6 && std::equal(kMapped.begin(), kMapped.end(), bytes.begin()))
    return address_text(bytes.subspan(kMapped.size()));
  std::array<char, INET6_ADDRSTRLEN> text{};
  (void)::inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  return text.data();
}

Result<std::string> address_of_other_end(int socket) {
  Address theirs;
  if (::getpeername(socket, theirs.generic(), &theirs.size) != 0)
    return fail_errno("tell", "the other end of a connection");
  if (theirs.storage.ss_family == AF_INET6)
    return address_text(ByteSpan(theirs.v6().sin6_addr.s6_addr, sizeof(in6_addr)));
  const auto* v4 = reinterpret_cast<const uint8_t*>(&theirs.v4().sin_addr);
  return address_text(ByteSpan(v4, sizeof(in_addr)));
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
