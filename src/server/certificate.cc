#include "server/certificate.h"

namespace stele::server {

Result<http::TlsIdentity> ServerCertificate::make() {
  const WallTime now = clock_.wall();
  TRY(auto identity, authority_.identify(names_, life_, clock_, random_));
  made_ = now;
  return identity;
}

// A clock that was ahead when the server began, and has been set right since, has left a
// certificate that is good for nobody yet.
bool ServerCertificate::is_due() const {
  const WallTime now = clock_.wall();
  return now - made_ >= life_ / 2 || now < made_;
}

Status ServerCertificate::step(const Show& show) {
  if (!is_due() || clock_.boot() < due_) return {};
  due_ = clock_.boot() + kRetryAfter;
  const WallTime before = made_;
  auto identity = make();
  const Status shown = identity ? show(*std::move(identity)) : fail(identity.error());
  if (!shown) {
    made_ = before;
    return shown;
  }
  due_ = {};
  return {};
}

}  // namespace stele::server
