// Reading certificates and requests. All of it is a stranger's.
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/check.h"
#include "crypto/x509_handles.h"

namespace stele::crypto {
namespace {

constexpr size_t kNamesMax = 64;

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string_view text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<size_t>(ASN1_STRING_length(string))};
}

/// Names are shown on terminals.
bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

std::string common_name_of(const X509_NAME* subject) {
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  const X509_NAME_ENTRY* entry = X509_NAME_get_entry(subject, at);
  uint8_t* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
  if (size < 0) return {};
  std::string name(reinterpret_cast<char*>(utf8), static_cast<size_t>(size));
  OPENSSL_free(utf8);
  return is_plain(name) ? name : std::string();
}

std::optional<WallTime> time_of(const ASN1_TIME* time) {
  // Days and seconds since 1970, so that no time zone and no year is in the way.
  struct FreeTime {
    void operator()(ASN1_TIME* t) const { ASN1_TIME_free(t); }
  };
  const std::unique_ptr<ASN1_TIME, FreeTime> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0, seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) {
    return std::nullopt;
  }
  return WallTime(std::chrono::hours(24) * static_cast<int64_t>(days) +
                  std::chrono::seconds(seconds));
}

std::optional<std::string> address_of(const ASN1_STRING* string) {
  const auto* octets = ASN1_STRING_get0_data(string);
  const int size = ASN1_STRING_length(string);
  char text[48];
  if (size == 4) {
    std::snprintf(text, sizeof text, "%d.%d.%d.%d", octets[0], octets[1], octets[2], octets[3]);
    return text;
  }
  if (size != 16) return std::nullopt;
  std::string out;
  for (int i = 0; i < 16; i += 2) {
    std::snprintf(text, sizeof text, "%s%x", i ? ":" : "", octets[i] << 8 | octets[i + 1]);
    out += text;
  }
  return out;
}

/// The host and the names of subjectAltName; kCorrupt where a URI begins like ours and is not.
Status read_names(const X509* certificate, Certificate& out) {
  int critical = 0;
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
  if (!names) {
    if (critical == -1) return {};  // none there
    return fail(Code::kCorrupt, "certificate: malformed subjectAltName");
  }
  const int count = sk_GENERAL_NAME_num(names.get());
  if (count > static_cast<int>(kNamesMax)) return fail(Code::kLimit, "certificate: over 64 names");
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_URI) {
      const std::string_view uri = text_of(name->d.uniformResourceIdentifier);
      if (!uri.starts_with("stele:")) continue;
      if (!uri.starts_with(kHostUriPrefix) || !out.host.empty() ||
          !is_certificate_host(uri.substr(kHostUriPrefix.size()))) {
        return fail(Code::kCorrupt, "certificate: not one well-formed stele:host: name");
      }
      out.host = uri.substr(kHostUriPrefix.size());
    } else if (name->type == GEN_DNS) {
      if (!is_plain(text_of(name->d.dNSName))) {
        return fail(Code::kCorrupt, "certificate: malformed DNS name");
      }
      out.names.emplace_back(text_of(name->d.dNSName));
    } else if (name->type == GEN_IPADD) {
      const auto address = address_of(name->d.iPAddress);
      if (!address) return fail(Code::kCorrupt, "certificate: malformed address");
      out.names.push_back(*address);
    }
  }
  return {};
}

Result<Bytes> read_serial(const X509* certificate) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  // RFC 5280 §4.1.2.2: positive, 20 octets at most.
  const auto* octets = ASN1_STRING_get0_data(serial);
  const int size = ASN1_STRING_length(serial);
  if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER || size < 1 || size > 20) {
    return fail(Code::kCorrupt, "certificate: serial number out of range");
  }
  return Bytes(octets, octets + size);
}

}  // namespace

Result<Certificate> parse_certificate_der(ByteSpan der) {
  const QuietScope quiet;
  if (der.size() > kX509BytesMax) return fail(Code::kLimit, "certificate: over 16 KiB");
  const X509Handle loaded = load_certificate(der);
  if (!loaded) return fail(Code::kCorrupt, "certificate: not the DER of exactly one");
  const EVP_PKEY* key = X509_get0_pubkey(loaded.get());
  const auto not_before = time_of(X509_get0_notBefore(loaded.get()));
  const auto not_after = time_of(X509_get0_notAfter(loaded.get()));
  if (key == nullptr) return fail(Code::kCorrupt, "certificate: unreadable public key");
  if (!not_before || !not_after) return fail(Code::kCorrupt, "certificate: unreadable times");

  Certificate out;
  out.der.assign(der.begin(), der.end());
  out.common_name = common_name_of(X509_get_subject_name(loaded.get()));
  TRY(out.serial, read_serial(loaded.get()));
  TRY_VOID(read_names(loaded.get(), out));
  out.not_before = *not_before;
  out.not_after = *not_after;
  out.pin = pin_of(key);
  out.is_authority = X509_check_ca(loaded.get()) == 1;
  return out;
}

Result<std::vector<Certificate>> parse_certificates_pem(ByteSpan pem) {
  const QuietScope quiet;
  if (pem.size() > kX509BytesMax * kX509ChainMax)
    return fail(Code::kLimit, "certificates: over 128 KiB");
  const BioHandle bio = memory_bio(pem);
  std::vector<Certificate> out;
  for (;;) {
    char* name = nullptr;
    char* header = nullptr;
    uint8_t* data = nullptr;
    long size = 0;
    const int found = PEM_read_bio(bio.get(), &name, &header, &data, &size);
    const bool at_end = found != 1 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (at_end) break;
    const bool is_certificate = found == 1 && std::string_view(name) == PEM_STRING_X509;
    const Bytes der(data, data + (is_certificate ? size : 0));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    if (!is_certificate) return fail(Code::kCorrupt, "certificates: not PEM of certificates alone");
    if (out.size() == kX509ChainMax) return fail(Code::kLimit, "certificates: over 8 in one text");
    TRY(Certificate one, parse_certificate_der(der));
    out.push_back(std::move(one));
  }
  if (out.empty()) return fail(Code::kCorrupt, "certificates: none in PEM");
  return out;
}

Result<Certificate> parse_certificate_pem(ByteSpan pem) {
  TRY(auto all, parse_certificates_pem(pem));
  if (all.size() != 1) return fail(Code::kCorrupt, "certificate: more than one in PEM");
  return std::move(all.front());
}

Result<CertificateRequest> parse_certificate_request(ByteSpan der) {
  const QuietScope quiet;
  if (der.size() > kX509BytesMax) return fail(Code::kLimit, "certificate request: over 16 KiB");
  const X509RequestHandle loaded = load_request(der);
  if (!loaded) return fail(Code::kCorrupt, "certificate request: not the DER of exactly one");
  EVP_PKEY* key = X509_REQ_get0_pubkey(loaded.get());
  if (key == nullptr || !is_p256(key)) {
    return fail(Code::kUnsupported, "certificate request: the key is not ECDSA P-256");
  }
  const bool is_signed = X509_REQ_verify(loaded.get(), key) == 1;
  if (!is_signed)
    return fail(Code::kUnauthentic, "certificate request: its signature does not hold");
  return CertificateRequest{Bytes(der.begin(), der.end()),
                            common_name_of(X509_REQ_get_subject_name(loaded.get())), pin_of(key)};
}

}  // namespace stele::crypto
