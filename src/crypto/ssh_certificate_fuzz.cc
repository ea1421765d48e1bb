// Hostile keys and certificates: what is read is what was there, and nothing verifies by chance.
#include "base/check.h"
#include "base/fuzz.h"
#include "crypto/ssh_certificate.h"

STELE_FUZZ(ssh_certificate, input) {
  using namespace stele;
  using namespace stele::crypto;
  const auto check = [](ByteSpan blob) {
    const auto certificate = parse_ssh_certificate(blob);
    if (!certificate) return;
    CHECK(certificate->signed_size < blob.size() && blob.size() <= kSshBlobBytesMax);
    CHECK(certificate->principals.size() <= kSshPrincipalsMax);
    const Status held = verify_user_certificate(*certificate, blob, {certificate->authority}, {});
    if (held) CHECK(certificate->kind == SshCertificate::Kind::kUser);
    CHECK(!verify_user_certificate(*certificate, blob, {}, {}));
  };
  check(input);
  if (const auto blob = parse_ssh_key_line(as_text(input))) check(*blob);
  if (const auto keys = parse_ssh_authorities(as_text(input)))
    for (const Bytes& key : *keys) CHECK(ssh_fingerprint(key).starts_with("SHA256:"));
}
