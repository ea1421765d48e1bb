// Making authorities, requests and certificates (RFC 5280 §4, RFC 2986).
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/check.h"
#include "crypto/x509_handles.h"

namespace stele::crypto {
namespace {

constexpr size_t kSerialBytes = 16;
constexpr size_t kServerNamesMax = 16;

void set_common_name(X509_NAME* subject, std::string_view name) {
  CHECK(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                   reinterpret_cast<const uint8_t*>(name.data()),
                                   static_cast<int>(name.size()), -1, 0) == 1);
}

/// Seconds: X.509 has no finer ones.
void set_times(X509* certificate, WallTime from, WallTime until) {
  const auto set = [](ASN1_TIME* field, WallTime at) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
    CHECK(ASN1_TIME_adj(field, 0, static_cast<int>(seconds / 86400), seconds % 86400) != nullptr);
  };
  set(X509_getm_notBefore(certificate), from);
  set(X509_getm_notAfter(certificate), until);
}

void set_serial(X509* certificate, const RandomSource& random) {
  std::array<uint8_t, kSerialBytes> serial;
  random(serial);
  BIGNUM* number = BN_bin2bn(serial.data(), serial.size(), nullptr);
  CHECK(number != nullptr);
  CHECK(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr);
  BN_free(number);
}

/// An extension by OpenSSL's own text form; `value` never holds a stranger's characters unchecked.
void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  CHECK(extension != nullptr);
  CHECK(X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

X509Handle blank_certificate(EVP_PKEY* key, WallTime from, WallTime until,
                             const RandomSource& random) {
  X509Handle made(X509_new());
  CHECK(made != nullptr);
  CHECK(X509_set_version(made.get(), X509_VERSION_3) == 1);
  CHECK(X509_set_pubkey(made.get(), key) == 1);
  set_times(made.get(), from, until);
  set_serial(made.get(), random);
  return made;
}

Certificate sign(X509* certificate, const TlsKey& key) {
  CHECK(X509_sign(certificate, key.handle().get(), EVP_sha256()) > 0);
  uint8_t* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  CHECK(size > 0);
  auto parsed = parse_certificate_der(ByteSpan(der, static_cast<size_t>(size)));
  OPENSSL_free(der);
  CHECK(parsed.has_value());
  return *std::move(parsed);
}

struct LeafPlan {
  std::string_view common_name;
  std::string usage;              // extended key usage
  std::string alternative_names;  // subjectAltName
  WallTime from{}, until{};
};

Result<Certificate> sign_leaf(const Authority& authority, const CertificateRequest& request,
                              const LeafPlan& plan, const RandomSource& random) {
  if (authority.certificate.pin != authority.key.pin()) {
    return fail(Code::kInvalid, "authority: its certificate is not this key's");
  }
  const X509Handle issuer = load_certificate(authority.certificate.der);
  const X509RequestHandle asked = load_request(request.der);
  if (!issuer || !asked) return fail(Code::kInvalid, "authority or request: not parsed before");

  const X509Handle made =
      blank_certificate(X509_REQ_get0_pubkey(asked.get()), plan.from, plan.until, random);
  set_common_name(X509_get_subject_name(made.get()), plan.common_name);
  CHECK(X509_set_issuer_name(made.get(), X509_get_subject_name(issuer.get())) == 1);
  add_extension(made.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(made.get(), issuer.get(), NID_key_usage, "critical,digitalSignature");
  add_extension(made.get(), issuer.get(), NID_ext_key_usage, plan.usage);
  add_extension(made.get(), issuer.get(), NID_subject_alt_name, plan.alternative_names);
  add_extension(made.get(), issuer.get(), NID_subject_key_identifier, "hash");
  add_extension(made.get(), issuer.get(), NID_authority_key_identifier, "keyid:always");
  return sign(made.get(), authority.key);
}

bool is_address(const std::string& name) {
  const QuietScope quiet;
  ASN1_OCTET_STRING* octets = a2i_IPADDRESS(name.c_str());
  ASN1_OCTET_STRING_free(octets);
  return octets != nullptr;
}

bool is_dns_name(std::string_view name) {
  const auto is_label = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  };
  return !name.empty() && name.size() <= 253 && name.front() != '.' && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), is_label);
}

}  // namespace

Bytes make_certificate_request(const TlsKey& key, std::string_view host) {
  CHECK(is_certificate_host(host));
  const X509RequestHandle request(X509_REQ_new());
  CHECK(request != nullptr);
  CHECK(X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1);
  set_common_name(X509_REQ_get_subject_name(request.get()), host);
  CHECK(X509_REQ_set_pubkey(request.get(), key.handle().get()) == 1);
  CHECK(X509_REQ_sign(request.get(), key.handle().get(), EVP_sha256()) > 0);
  uint8_t* der = nullptr;
  const int size = i2d_X509_REQ(request.get(), &der);
  CHECK(size > 0);
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

Result<Certificate> make_authority(const TlsKey& key, std::string_view name, int years,
                                   WallTime now, const RandomSource& random) {
  if (name.empty() || name.size() > 64) {
    return fail(Code::kInvalid, "authority: a name of 1 to 64 bytes is wanted");
  }
  if (years < 1 || years > 100) return fail(Code::kInvalid, "authority: 1 to 100 years are wanted");
  const X509Handle made =
      blank_certificate(key.handle().get(), now - kCertificateBackdate,
                        now + std::chrono::hours(24) * (365 * years + years / 4), random);
  set_common_name(X509_get_subject_name(made.get()), name);
  CHECK(X509_set_issuer_name(made.get(), X509_get_subject_name(made.get())) == 1);
  add_extension(made.get(), made.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(made.get(), made.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(made.get(), made.get(), NID_subject_key_identifier, "hash");
  return sign(made.get(), key);
}

Result<Certificate> sign_client(const Authority& authority, const CertificateRequest& request,
                                std::string_view host, WallTime now, const RandomSource& random) {
  if (!is_certificate_host(host))
    return fail(Code::kInvalid, "client certificate: not a host name");
  return sign_leaf(authority, request,
                   {host, "clientAuth", "URI:" + std::string(kHostUriPrefix) + std::string(host),
                    now - kCertificateBackdate, now + kClientCertificateLife},
                   random);
}

Result<Certificate> sign_server(const Authority& authority, const CertificateRequest& request,
                                std::span<const std::string> names, std::chrono::seconds life,
                                WallTime now, const RandomSource& random) {
  if (names.empty() || names.size() > kServerNamesMax) {
    return fail(Code::kInvalid, "server certificate: 1 to 16 names are wanted");
  }
  if (life < std::chrono::seconds(1) || life > kServerCertificateLifeMax)
    return fail(Code::kInvalid, "server certificate: a life of 1 second to 825 days is wanted");
  std::string alternatives;
  for (const std::string& name : names) {
    const bool is_ip = name.size() <= 45 && is_address(name);
    if (!is_ip && !is_dns_name(name)) {
      return fail(Code::kInvalid, "server certificate: neither a DNS name nor an address");
    }
    alternatives += (alternatives.empty() ? "" : ",") + std::string(is_ip ? "IP:" : "DNS:") + name;
  }
  return sign_leaf(authority, request,
                   {std::string_view(names[0]).substr(0, 64), "serverAuth", alternatives,
                    now - kCertificateBackdate, now + life},
                   random);
}

}  // namespace stele::crypto
