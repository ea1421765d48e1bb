// ServerCertificate: what a server shows in TLS, made anew when half of its life is over.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/authority.h"

namespace stele::server {

/// One thread at a time. What it is given must outlive it.
class ServerCertificate {
 public:
  /// After a failure it waits so long before it tries again.
  static constexpr Micros kRetryAfter = std::chrono::minutes(1);

  /// For connections from now on.
  using Show = std::function<Status(http::TlsIdentity)>;

  ServerCertificate(const Authority& authority, std::vector<std::string> names,
                    std::chrono::seconds life, Clock& clock, RandomSource random)
      : authority_(authority),
        names_(std::move(names)),
        life_(life),
        clock_(clock),
        random_(std::move(random)) {}

  /// With a key of its own, good from now on.
  Result<http::TlsIdentity> make();
  /// To be called every second or so. An error: the last one stays.
  Status step(const Show& show);

 private:
  bool is_due() const;

  const Authority& authority_;
  const std::vector<std::string> names_;
  const std::chrono::seconds life_;
  Clock& clock_;
  const RandomSource random_;
  WallTime made_;
  BootTime due_{};  // not before
};

}  // namespace stele::server
