// TLS identities: a small certificate authority (RFC 5280, PKCS #10) and the checks of what it
// signs.
//
// Keys are ECDSA P-256: every TLS 1.3 peer takes them (RFC 8446 §9.1 makes them mandatory), the
// browsers that open the console among them, which refuse Ed25519 certificates. They are made by
// OpenSSL's generator, which the kernel seeds. Times are arguments: nothing here asks a clock.
#pragma once

#include <compare>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "crypto/evp.h"
#include "crypto/secret.h"

namespace stele::crypto {

inline constexpr size_t kX509BytesMax = 16 << 10;  // of one certificate or request, PEM or DER
inline constexpr size_t kX509ChainMax = 8;         // certificates in one PEM text
inline constexpr auto kClientCertificateLife = std::chrono::hours(24);
/// How far a new certificate reaches back, for peers whose clocks are behind.
inline constexpr std::chrono::seconds kServerCertificateLifeMax = std::chrono::hours(24) * 825;
inline constexpr auto kCertificateBackdate = std::chrono::minutes(5);

/// The key of a TLS peer or of the authority. Move-only; usable from several threads at once.
class TlsKey {
 public:
  static TlsKey generate();
  /// Unencrypted PEM of a P-256 key. kInvalid: none, in words that do not repeat it; kLimit;
  /// kUnsupported: another kind of key.
  static Result<TlsKey> parse_pem(ByteSpan pem);

  /// PKCS #8, to be saved.
  SecretBytes to_pem() const;
  /// SHA-256 of the public half's SubjectPublicKeyInfo.
  Hash pin() const;
  const EvpKey& handle() const { return key_; }

 private:
  explicit TlsKey(EvpKey key) : key_(std::move(key)) {}

  EvpKey key_;
};

/// A host's name as it stands in certificates: 1 to 63 of a-z 0-9 - . with a letter or digit first
/// and last (docs/formats/enrolment.md).
bool is_certificate_host(std::string_view name);

/// What a certificate says. Saying is not proving: verify_chain() proves.
struct Certificate {
  Bytes der;
  std::string common_name;         // first one of the subject; empty: none, or control characters
  std::string host;                // of the one SAN URI "stele:host:<name>"; empty: no host's
  std::vector<std::string> names;  // SAN DNS names and IP addresses, as text
  Bytes serial;                    // big-endian, without leading zeros
  WallTime not_before{}, not_after{};
  Hash pin{};  // SHA-256 of its SubjectPublicKeyInfo
  bool is_authority = false;

  /// SHA-256 of the DER. Not what to revoke by: anyone can write an ECDSA signature a second way
  /// (r, n-s), and so the same certificate with another fingerprint.
  Hash fingerprint() const;
  std::string to_pem() const;
  /// As verify_chain() sees it: the last second is no longer inside.
  bool is_valid_at(WallTime at) const { return not_before <= at && at < not_after; }
  bool operator==(const Certificate&) const = default;
};

/// Exactly one certificate with nothing behind it. kCorrupt: not that, or one that names a host in
/// other words than ours, or more than one; kLimit: over kX509BytesMax.
Result<Certificate> parse_certificate_der(ByteSpan der);
/// One to kX509ChainMax certificates in PEM; text between them is skipped, as bundles carry some.
Result<std::vector<Certificate>> parse_certificates_pem(ByteSpan pem);
/// Exactly one.
Result<Certificate> parse_certificate_pem(ByteSpan pem);

/// A request of a host for a client certificate, signed by its key, as DER.
Bytes make_certificate_request(const TlsKey& key, std::string_view host);

/// A request whose signature was checked: whoever made it holds the key. What name it asks for
/// binds nobody: the authority writes the name it knows.
struct CertificateRequest {
  Bytes der;
  std::string common_name;
  Hash pin{};
};
/// DER. kCorrupt, kLimit; kUnsupported: a key that is not P-256; kUnauthentic: its signature does
/// not hold.
Result<CertificateRequest> parse_certificate_request(ByteSpan der);

/// A self-signed authority that signs leaves only, from `now` less kCertificateBackdate on for
/// 1 to 100 years. kInvalid: a name that is empty or over 64 bytes, or years outside.
Result<Certificate> make_authority(const TlsKey& key, std::string_view name, int years,
                                   WallTime now, const RandomSource& random);

/// The authority at work: its certificate beside its key.
struct Authority {
  const Certificate& certificate;
  const TlsKey& key;
};

/// A client certificate of `host`, whatever the request asks to be called: EKU clientAuth, a random
/// serial of 128 bits, kClientCertificateLife from `now`. kInvalid: no host name, or a certificate
/// that is not this key's.
Result<Certificate> sign_client(const Authority& authority, const CertificateRequest& request,
                                std::string_view host, WallTime now, const RandomSource& random);

/// A server certificate for 1 to 16 DNS names and IP addresses: EKU serverAuth, for a life of 1
/// second to 825 days.
Result<Certificate> sign_server(const Authority& authority, const CertificateRequest& request,
                                std::span<const std::string> names, std::chrono::seconds life,
                                WallTime now, const RandomSource& random);

enum class Purpose { kClient, kServer };

/// Whether `presented` (the peer's own certificate first) leads to one of the authorities, for the
/// purpose, at the time. kUnauthentic with OpenSSL's reason; an authority is trusted as such,
/// whether it is self-signed or not.
Status verify_chain(std::span<const Certificate> presented,
                    std::span<const Certificate> authorities, Purpose purpose, WallTime at);

}  // namespace stele::crypto
