// One end of a stream of bytes, whatever carries it: a socket (os/stream_socket.h), or TLS on one
// (http/tls_stream.h).
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "os/pty.h"
#include "os/unix_socket.h"

namespace stele::os {

/// Never blocks. One thread.
class Stream {
 public:
  virtual ~Stream() = default;

  /// How many of the bytes were sent; 0: not now. What was not sent is to be sent again as it
  /// was, more behind it or not. An error: the other side is gone.
  virtual Result<size_t> send(ByteSpan bytes) = 0;
  /// What came, as much as fits.
  virtual Result<Received> receive(MutableByteSpan out) = 0;
  /// What wait_until_ready() has to wait for until receive(), or send() where that is wanted, may
  /// come further. Whichever comes true, both are to be tried.
  virtual Readiness awaited(bool wants_to_send) const = 0;
  /// Whether receive() has something that no waiting would tell of.
  virtual bool has_unread() const = 0;
};

}  // namespace stele::os
