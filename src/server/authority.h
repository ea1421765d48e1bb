// The server's certificate authority: made with the first start, and the pin that hosts are given.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "crypto/x509.h"
#include "http/tls.h"
#include "ledger/layout.h"
#include "os/file_system.h"

namespace stele::server {

class Authority {
 public:
  /// Loads keys/tls-authority.key and tls-authority.pem, or makes both.
  static Result<Authority> open(os::FileSystem& files, const ledger::Layout& layout, Clock& clock,
                                const RandomSource& random);

  /// What a host pins: SHA-256 of the authority's SubjectPublicKeyInfo.
  const Hash& pin() const { return certificate_.pin; }
  const crypto::Certificate& certificate() const { return certificate_; }

  /// A server's identity with a fresh key, for these DNS names and IP addresses.
  Result<http::TlsIdentity> identify(const std::vector<std::string>& names,
                                     std::chrono::seconds life, Clock& clock,
                                     const RandomSource& random) const;
  /// A host's certificate, for 24 hours. `request`: DER.
  Result<crypto::Certificate> certify(ByteSpan request, const std::string& host, Clock& clock,
                                      const RandomSource& random) const;

 private:
  Authority(crypto::Certificate certificate, crypto::TlsKey key)
      : certificate_(std::move(certificate)), key_(std::move(key)) {}

  crypto::Certificate certificate_;
  crypto::TlsKey key_;
};

}  // namespace stele::server
