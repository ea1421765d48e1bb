// One I/O thread of a server with the connections that belong to it.
#pragma once

#include <memory>
#include <mutex>

#include "http/server.h"

namespace stele::http {

/// What all workers of a server share; safe from any thread.
struct Shared {
  const ServerOptions options;
  const Handler handler;
  Counters counters;
  Gate gate;

  Shared(ServerOptions o, Handler h)
      : options(std::move(o)), handler(std::move(h)), gate(options.limits.gate) {}

  std::shared_ptr<const TlsServer> tls() const {
    const std::lock_guard lock(mutex_);
    return tls_;
  }
  void set_tls(std::shared_ptr<const TlsServer> tls) {
    const std::lock_guard lock(mutex_);
    tls_ = std::move(tls);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsServer> tls_;
};

class Worker {
 public:
  /// Begins the thread.
  Worker(Shared& shared, std::string name);
  /// After stop(): joins the thread.
  ~Worker();

  /// Takes an accepted socket, whose address is `address`, over. From any thread.
  void adopt(int socket, bool is_v6, std::string address, std::unique_ptr<Gate::Seat> seat);
  /// No more requests; idle connections end.
  void stop();
  /// Everything ends.
  void abort();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace stele::http
