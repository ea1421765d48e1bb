// Who may still come in, and who may still bring how much: the server's bounds on connections and
// on memory for bodies, in all and for each peer address.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/bytes.h"

namespace stele::http {

struct GateLimits {
  size_t connections = 4096;
  size_t connections_per_peer = 64;
  size_t body_bytes = size_t{256} << 20;
  size_t body_bytes_per_peer = size_t{64} << 20;
};

/// Safe from any thread.
class Gate {
 public:
  /// One connection's place; given back when it goes. One thread at a time.
  class Seat {
   public:
    Seat(Gate& gate, std::string peer) : gate_(gate), peer_(std::move(peer)) {}
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    /// Memory for that much more of a body; false: there is none now.
    bool reserve(size_t bytes);
    /// All that was reserved.
    void release();

   private:
    Gate& gate_;
    const std::string peer_;
    size_t reserved_ = 0;
  };

  explicit Gate(const GateLimits& limits) : limits_(limits) {}

  /// Null: all places, or the peer's, are taken.
  std::unique_ptr<Seat> enter(const std::string& peer);
  size_t connections() const;
  /// Waits until nobody is left; false: somebody still is after that long.
  bool wait_until_empty(std::chrono::milliseconds longest);

 private:
  struct Share {
    size_t connections = 0, body_bytes = 0;
  };

  const GateLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  Share all_;
  std::map<std::string, Share> peers_;
};

/// Whose share an address (as text) counts to: IPv4 each, IPv6 by its first 64 bits, which one
/// person easily has.
std::string peer_of_address(std::string_view address);

}  // namespace stele::http
