// TLS 1.3 contexts, and who the peer at the other end is. OpenSSL's types by name only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "crypto/x509.h"

struct ssl_ctx_st;
struct ssl_st;

namespace stele::http {

/// How a peer's certificates are judged: by crypto::verify_chain and a given clock, in place of
/// OpenSSL's own verification and the machine's.
struct PeerVerifier {
  std::vector<crypto::Certificate> authorities;
  /// Trusts, as well, an authority of this pin among the certificates the peer shows.
  std::optional<Hash> authority_pin;
  crypto::Purpose purpose = crypto::Purpose::kServer;
  std::chrono::seconds expired_grace{0};
  std::function<WallTime()> now;

  enum class Verdict { kGood, kExpired, kUntrusted };
  Verdict judge(std::span<const crypto::Certificate> presented) const;
};

/// Makes a context ask `verifier`, which must outlive it and all its connections.
void use_verifier(ssl_ctx_st* context, const PeerVerifier& verifier);

/// What a TLS server shows and demands.
struct TlsIdentity {
  std::string certificate_pem;  // its own first; those between it and the authority; for clients
                                // that know a pin alone, the authority as well
  crypto::SecretBytes key_pem;
  std::string client_authorities_pem;  // empty: no client is asked for a certificate
  bool demands_certificate = false;    // a client without one is turned away
};

/// A server's side of TLS 1.3. Lives as long as any of its connections.
class TlsServer {
 public:
  /// kInvalid, kCorrupt, kUnsupported: what is wrong with the identity, never its key.
  static Result<std::shared_ptr<const TlsServer>> make(const TlsIdentity& identity,
                                                       std::chrono::seconds expired_grace,
                                                       std::function<WallTime()> now);
  ~TlsServer();

  ssl_ctx_st* context() const { return context_; }

 private:
  TlsServer() = default;
  ssl_ctx_st* context_ = nullptr;
  PeerVerifier verifier_;
};

/// The certificate that was shown and judged good; null: none.
std::shared_ptr<const crypto::Certificate> peer_certificate(const ssl_st* connection);

}  // namespace stele::http
