// Hostile certificates, requests and keys: what parses has one spelling, and what it says is what
// parsing its PEM says again.
#include "base/check.h"
#include "base/fuzz.h"
#include "crypto/x509.h"

STELE_FUZZ(x509, input) {
  using namespace stele;
  using namespace stele::crypto;
  if (const auto certificate = parse_certificate_der(input)) {
    CHECK(equal(certificate->der, input));
    CHECK(certificate->host.empty() || is_certificate_host(certificate->host));
    CHECK(parse_certificate_pem(as_bytes(certificate->to_pem())) == *certificate);
    const std::vector<Certificate> alone = {*certificate};
    (void)verify_chain(alone, alone, Purpose::kServer, certificate->not_after);
  }
  if (const auto chain = parse_certificates_pem(input)) {
    CHECK(!chain->empty() && chain->size() <= kX509ChainMax);
    (void)verify_chain(*chain, *chain, Purpose::kClient, chain->front().not_before);
  }
  if (const auto request = parse_certificate_request(input)) CHECK(equal(request->der, input));
  if (const auto key = TlsKey::parse_pem(input)) {
    CHECK(TlsKey::parse_pem(key->to_pem().span())->pin() == key->pin());
  }
}
