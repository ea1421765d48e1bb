// Hostile key texts: what parses is written back as it was, and errors never carry the text.
#include <algorithm>

#include "base/check.h"
#include "base/fuzz.h"
#include "crypto/age_key.h"
#include "crypto/bech32.h"

namespace {

constexpr size_t kTail = 20;

// Ends in capital letters and digits, as secret keys do and our own words never do.
bool is_like_a_key(std::string_view text) {
  return text.size() >= kTail && std::all_of(text.end() - kTail, text.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
         });
}

}  // namespace

STELE_FUZZ(age_key, input) {
  using namespace stele;
  using namespace stele::crypto;
  const std::string_view text = as_text(input);

  if (const auto recipient = Recipient::parse(text)) CHECK(recipient->to_string() == text);
  if (const auto identity = Identity::parse(text)) {
    CHECK(equal(identity->to_text().span(), input));
    CHECK(Recipient::parse(identity->recipient().to_string()) == identity->recipient());
  } else if (is_like_a_key(text)) {
    CHECK(identity.error().context.find(text.substr(text.size() - kTail)) == std::string::npos);
  }
  if (const auto decoded = decode_bech32(text)) {
    CHECK(equal(encode_bech32(decoded->prefix, decoded->data.span()).span(), input));
  }
  if (const auto identities = parse_identity_file(text)) {
    for (const Identity& identity : *identities) {
      CHECK(text.find(as_text(identity.to_text().span())) != std::string_view::npos);
    }
  }
}
