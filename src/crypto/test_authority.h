// For tests only: an authority with a host's and a server's certificate.
#pragma once

#include "crypto/test_random.h"
#include "crypto/x509.h"

namespace stele::crypto {

inline constexpr WallTime kTestNow{std::chrono::seconds(1'795'428'000)};  // 2026-11-23T10:00:00Z

/// A certificate with its key, PEM on request.
struct TestIdentity {
  TlsKey key = TlsKey::generate();
  Certificate certificate{};
};

class TestAuthority {
 public:
  explicit TestAuthority(uint8_t seed = 1, WallTime now = kTestNow)
      : random_(test_random(seed)),
        certificate_(make_authority(key_, "test authority", 10, now, random_).value()) {}

  TestIdentity client(std::string_view host, WallTime now = kTestNow) {
    TestIdentity made;
    const auto request = parse_certificate_request(make_certificate_request(made.key, host));
    made.certificate = sign_client(authority(), request.value(), host, now, random_).value();
    return made;
  }
  TestIdentity server(std::vector<std::string> names, WallTime now = kTestNow) {
    TestIdentity made;
    const auto request = parse_certificate_request(make_certificate_request(made.key, "server"));
    made.certificate =
        sign_server(authority(), request.value(), names, std::chrono::hours(24) * 30, now, random_)
            .value();
    return made;
  }
  Authority authority() const { return {certificate_, key_}; }
  const Certificate& certificate() const { return certificate_; }
  const RandomSource& random() const { return random_; }

 private:
  TlsKey key_ = TlsKey::generate();
  RandomSource random_;
  Certificate certificate_;
};

}  // namespace stele::crypto
