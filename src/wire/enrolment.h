// POST /v1/enroll: what a new host says and what it is told (docs/formats/enrolment.md). One
// spelling; lines of text.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace stele::wire {

inline constexpr std::string_view kEnrolmentType = "application/vnd.stele.enrolment-v1";
inline constexpr size_t kEnrolmentBytesMax = size_t{256} << 10;

/// What is told of a machine: its id stays there.
Hash machine_hash(std::string_view machine_id);

struct EnrolmentRequest {
  std::string token;
  Hash machine{};                         // of the machine's id
  std::array<uint8_t, 32> signing_key{};  // Ed25519, public
  Bytes certificate_request;              // PKCS #10, DER
  std::array<uint8_t, 64> signature{};    // by the signing key, over signed_part()
  bool operator==(const EnrolmentRequest&) const = default;
};

/// What the signature is over: every line before its own.
std::string signed_part(const EnrolmentRequest& request);
std::string encode(const EnrolmentRequest& request);
Result<EnrolmentRequest> parse_enrolment_request(std::string_view text);

struct Enrolment {
  std::string host;                 // the name it has from now on
  uint32_t epoch = 1;               // of the signing key it brought, among those of that name
  std::string log_key, policy_key;  // C2SP verifier keys
  Bytes recipients;                 // the signed recipients list
  Bytes certificate, authority;     // DER
  bool operator==(const Enrolment&) const = default;
};

std::string encode(const Enrolment& enrolment);
Result<Enrolment> parse_enrolment(std::string_view text);

/// POST /v1/certificates: a host's next certificate.
inline constexpr std::string_view kRenewalType = "application/vnd.stele.renewal-v1";

struct RenewalRequest {
  uint32_t epoch = 1;              // of the key that signs: the host's newest
  std::array<uint8_t, 8> key{};    // its id, as segments have it
  Bytes certificate_request = {};  // PKCS #10, DER
  std::array<uint8_t, 64> signature{};
  bool operator==(const RenewalRequest&) const = default;
};

/// Every line before the signature's, and the host's name before them all: as the server knows it.
std::string signed_part(const RenewalRequest& request, std::string_view host);
std::string encode(const RenewalRequest& request);
Result<RenewalRequest> parse_renewal_request(std::string_view text);

struct Renewal {
  Bytes certificate;  // DER
  bool operator==(const Renewal&) const = default;
};

std::string encode(const Renewal& renewal);
Result<Renewal> parse_renewal(std::string_view text);

}  // namespace stele::wire
