// Connections over this machine's loopback, and whose they are.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "os/fd.h"
#include "os/unix_socket.h"

namespace stele::os {

/// One end of a stream. Non-blocking, close-on-exec; wait with wait_until_ready (os/pty.h).
class StreamSocket {
 public:
  StreamSocket() = default;
  explicit StreamSocket(Fd fd) : fd_(std::move(fd)) {}

  /// How many of the bytes were sent; 0: not now. An error: the other side is gone.
  Result<size_t> send(ByteSpan bytes);
  /// What came, as much as fits.
  Result<Received> receive(MutableByteSpan out);

  int get() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  Fd fd_;
};

class LoopbackListener {
 public:
  /// `address`: "127.0.0.1:PORT" or "[::1]:PORT". kInvalid: it is something else; port 0: any.
  static Result<LoopbackListener> listen(const std::string& address);
  /// The next connection; an empty socket: none waits, or the one that did is gone.
  Result<StreamSocket> accept();
  uint16_t port() const { return port_; }
  int get() const { return fd_.get(); }

 private:
  LoopbackListener(Fd fd, uint16_t port) : fd_(std::move(fd)), port_(port) {}
  Fd fd_;
  uint16_t port_;
};

/// Of which user the program is that made the other end of a loopback connection: the kernel says
/// (sock_diag(7)). kNotFound: that end is closed, or being closed. The kernel calls a socket that
/// no program has any more root's, so nothing is believed of one.
Result<uint32_t> owner_of_other_end(int socket);

}  // namespace stele::os
