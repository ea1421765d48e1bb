// Hostile age files: a header that parses has no second spelling, and what opens is what was
// sealed.
#include "base/check.h"
#include "base/fuzz.h"
#include "crypto/age.h"
#include "crypto/age_payload.h"
#include "crypto/test_random.h"

STELE_FUZZ(age_file, input) {
  using namespace stele;
  using namespace stele::crypto;
  // The secret key of the test kit's vectors, which are this target's corpus.
  static const std::vector<Identity> identities =
      parse_identity_file(
          "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0")
          .value();

  if (const auto file = parse_age_file(input)) {
    const std::string header = encode_age_stanzas(file->stanzas) + encode_age_mac(file->mac);
    CHECK(as_text(input).starts_with(header));
    CHECK(header.size() + file->nonce.size() + file->chunks.size() == input.size());
  }
  if (const auto opened = age_decrypt(input, identities)) {
    CHECK(input.size() > sealed_payload_bytes(opened->size()));
    CHECK(!age_decrypt(input.first(input.size() - 1), identities));
  }

  const std::vector<Recipient> recipients = {identities[0].recipient()};
  const auto sealed = age_encrypt(input, recipients, test_random(1));
  CHECK(sealed.has_value());
  const auto opened = age_decrypt(*sealed, identities);
  CHECK(opened.has_value() && equal(opened->span(), input));
}
