// TCP connections, and whose those over this machine's loopback are.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "os/fd.h"
#include "os/stream.h"

namespace stele::os {

/// One end of a connection. Close-on-exec.
class StreamSocket : public Stream {
 public:
  StreamSocket() = default;
  explicit StreamSocket(Fd fd) : fd_(std::move(fd)) {}

  Result<size_t> send(ByteSpan bytes) override;
  Result<Received> receive(MutableByteSpan out) override;
  Readiness awaited(bool wants_to_send) const override {
    return {.fd = fd_.get(), .want_read = true, .want_write = wants_to_send};
  }
  bool has_unread() const override { return false; }

  int get() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  Fd fd_;
};

/// A peer that is gone without a word is found out within two minutes: its connection ends.
class StreamListener {
 public:
  /// `address`: "127.0.0.1:PORT" or "[::1]:PORT". kInvalid: it is something else; port 0: any.
  static Result<StreamListener> listen_on_loopback(const std::string& address);
  /// `address`: an IP address of this machine, or one that stands for all, and a port, as
  /// "0.0.0.0:30344" or "[::]:30344". kInvalid: it is something else.
  static Result<StreamListener> listen(const std::string& address);
  /// The next connection; an empty socket: none waits, or the one that did is gone.
  Result<StreamSocket> accept();
  uint16_t port() const { return port_; }
  int get() const { return fd_.get(); }

 private:
  StreamListener(Fd fd, uint16_t port) : fd_(std::move(fd)), port_(port) {}
  Fd fd_;
  uint16_t port_;
};

/// What StreamListener::listen() takes; nothing is listened on. kInvalid: it is something else.
Status check_listen_address(const std::string& address);

/// An IP address of 4 or 16 bytes, in network order, as text (RFC 5952); IPv4 in its own words also
/// where it is mapped into IPv6. Of another size: empty.
std::string address_text(ByteSpan bytes);

/// The IP address at a connection's other end, as text; IPv4 in its own words also where it came in
/// by an IPv6 socket.
Result<std::string> address_of_other_end(int socket);

/// Of which user the program is that made the other end of a loopback connection: the kernel says
/// (sock_diag(7)). kNotFound: that end is closed, or being closed. The kernel calls a socket that
/// no program has any more root's, so nothing is believed of one.
Result<uint32_t> owner_of_other_end(int socket);

}  // namespace stele::os
