#include "agent/renewal.h"

#include <algorithm>

#include "crypto/x509.h"
#include "wire/enrolment.h"

namespace stele::agent {
namespace {

constexpr size_t kPemBytesMax = size_t{64} << 10;
constexpr Micros kLookEvery = std::chrono::seconds(10);

}  // namespace

Result<bool> Renewal::step() {
  if (clock_.boot() < due_) return false;
  due_ = clock_.boot() + kLookEvery;
  auto renewed = renew();
  if (!renewed) due_ = clock_.boot() + kRetryAfter;
  return renewed;
}

// The TLS key stays: a new one beside a new certificate could not be exchanged in one step.
Result<bool> Renewal::renew() {
  const std::string path = directory_ + "/tls.pem";
  TRY(const Bytes pem, files_.read(path, kPemBytesMax));
  TRY(const auto old, crypto::parse_certificate_pem(pem));
  const WallTime now = clock_.wall();
  // A clock that was set back is no reason to ask for a certificate again and again.
  if (now < old.not_before + (old.not_after - old.not_before) / 2) return false;

  TRY(Bytes key_pem, files_.read(directory_ + "/tls.key", kPemBytesMax));
  auto key = crypto::TlsKey::parse_pem(key_pem);
  crypto::wipe(key_pem);
  if (!key) return fail(std::move(key).error().within(directory_ + "/tls.key"));
  wire::RenewalRequest request;
  request.certificate_request = crypto::make_certificate_request(*key, host_);
  {
    const auto signer = keys_(now);
    if (!signer) return fail(Code::kNoSpace, "no key may sign now, and another can not be made");
    request.epoch = signer->epoch;
    request.key = signer->id;
    request.signature = signer->key.sign(as_bytes(signed_part(request, host_)));
  }
  const std::string body = encode(request);
  TRY(const Bytes answer, post_(as_bytes(body)));
  TRY(const wire::Renewal renewal, wire::parse_renewal(as_text(answer)));
  TRY(const auto fresh, crypto::parse_certificate_der(renewal.certificate));
  if (fresh.pin != key->pin() || fresh.host != host_ || fresh.not_after <= old.not_after)
    return fail(Code::kUnauthentic, "the server's new certificate is not one of this host's key");
  TRY_VOID(files_.replace(path, as_bytes(fresh.to_pem())));
  return true;
}

}  // namespace stele::agent
