// Packets over Unix sockets (SOCK_SEQPACKET): each arrives whole, in order, or not at all.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "os/fd.h"

namespace stele::os {

/// What one attempt to receive came to: a packet of `bytes`, or nothing yet, or never again.
struct Received {
  size_t bytes = 0;
  bool is_blocked = false, is_closed = false;
};

/// One end of a connection. Non-blocking, close-on-exec; wait with wait_until_ready (os/pty.h).
class PacketSocket {
 public:
  PacketSocket() = default;
  explicit PacketSocket(Fd fd) : fd_(std::move(fd)) {}
  /// kNotFound: no such socket; kBusy: nobody accepts right now; other codes: nobody listens
  /// (kIo), not allowed (kPermission), or a path over 107 bytes (kInvalid).
  static Result<PacketSocket> connect(const std::string& path);

  /// False: not now, wait until it can be written. An error: the other side is gone, or the packet
  /// is larger than the kernel takes. An empty packet is a bug.
  Result<bool> send(ByteSpan packet);
  /// One packet; kLimit if it is larger than `out`. What came before the other side closed is
  /// received first.
  Result<Received> receive(MutableByteSpan out);

  /// The effective uid that the process at the other end had when it connected or listened.
  Result<uint32_t> peer_uid() const;

  int get() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }
  void close() { fd_.reset(); }

 private:
  Fd fd_;
};

class PacketListener {
 public:
  /// A socket at `path` with these permission bits, and this group if one is given. A socket that
  /// is there already is replaced: its owner was killed; anything else there is kExists.
  static Result<PacketListener> listen(const std::string& path, uint32_t mode,
                                       std::optional<uint32_t> group = std::nullopt);
  /// The next connection; an empty socket: none waits, or the one that did is gone.
  Result<PacketSocket> accept();
  int get() const { return fd_.get(); }

 private:
  explicit PacketListener(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

/// Two ends, connected to each other.
Result<std::pair<PacketSocket, PacketSocket>> packet_pair();

}  // namespace stele::os
