// An HTTP/1.1 server over TLS 1.3 with optional client certificates, and bounds on everything a
// peer can use up. Boost's names stay in worker.cc and server.cc.
//
// Threads: one that accepts, and `threads` for I/O; each connection belongs to one of them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "http/counters.h"
#include "http/gate.h"
#include "http/reply.h"
#include "http/tls.h"

namespace stele::http {

/// Everything is cut off by closing the connection; what can still be said is said first.
struct ServerLimits {
  GateLimits gate;
  size_t header_bytes = 16 << 10;        // beyond: 431
  size_t body_bytes = size_t{16} << 20;  // beyond: 413, before any of it is read
  std::chrono::milliseconds handshake{10'000};
  std::chrono::milliseconds header{10'000};  // from a request's first byte to its last header's
  std::chrono::milliseconds idle{120'000};   // between two requests
  /// A body in either direction may stall that long in all, beyond what the rate allows for.
  std::chrono::milliseconds body_grace{10'000};
  size_t body_bytes_per_second = 16 << 10;
  std::chrono::milliseconds closing{2'000};  // for the peer's part of an orderly end
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // IP
  uint16_t port = 0;                  // 0: any free one
  size_t threads = 2;
  TlsIdentity identity;
  /// Client certificates that ran out no longer ago than this still come through, marked expired.
  std::chrono::seconds expired_grace{0};
  ServerLimits limits;
  /// The clock that certificates and Date go by.
  std::function<WallTime()> now;
  /// How much body a request may have, known by its head alone; capped by limits.body_bytes. Empty:
  /// that limit for all.
  std::function<size_t(const Request& head)> body_bytes_for;
  /// How the server itself says no: a status and one line. Empty: as plain text.
  std::function<Response(int status, std::string_view text)> refuse;
  /// Runs first on each thread: "accept", "http-0", "http-1" …; to name it. Empty: nothing.
  std::function<void(const std::string& name)> thread_started;
};

/// Called on an I/O thread: must not block. The reply may be sent later and from elsewhere; until
/// it is, the connection reads nothing more, so a peer has one request in flight on each.
using Handler = std::function<void(Request request, Reply reply)>;

class Server {
 public:
  /// Listens when it returns. kBusy: the port is taken; kPermission; kIo; kInvalid: an address or
  /// identity that is none.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);
  /// stop() without grace.
  ~Server();

  uint16_t port() const;
  /// For connections from now on. On error nothing changes.
  Status set_identity(TlsIdentity identity);
  Counts counts() const;

  /// Takes no more connections and requests, ends idle connections, waits for the answers to what
  /// was asked, and closes what is left after `grace`. Not from an I/O thread.
  void stop(std::chrono::milliseconds grace);

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace stele::http
