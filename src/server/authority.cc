#include "server/authority.h"

namespace stele::server {
namespace {

constexpr int kAuthorityYears = 20;

std::string key_path(const ledger::Layout& layout) { return layout.keys() + "/tls-authority.key"; }
std::string certificate_path(const ledger::Layout& layout) {
  return layout.directory + "/tls-authority.pem";
}

Status make(os::FileSystem& files, const ledger::Layout& layout, Clock& clock,
            const RandomSource& random) {
  const auto key = crypto::TlsKey::generate();
  TRY(const auto certificate,
      crypto::make_authority(key, "stele authority", kAuthorityYears, clock.wall(), random));
  TRY_VOID(files.put_once(key_path(layout), key.to_pem().span()));
  return files.put_once(certificate_path(layout), as_bytes(certificate.to_pem()));
}

}  // namespace

Result<Authority> Authority::open(os::FileSystem& files, const ledger::Layout& layout, Clock& clock,
                                  const RandomSource& random) {
  if (!files.exists(key_path(layout)) && !files.exists(certificate_path(layout)))
    TRY_VOID(make(files, layout, clock, random));
  TRY(Bytes pem, files.read(key_path(layout), crypto::kX509BytesMax));
  auto key = crypto::TlsKey::parse_pem(pem);
  crypto::wipe(pem);
  if (!key) return fail(std::move(key).error().within(key_path(layout)));
  TRY(const Bytes text, files.read(certificate_path(layout), crypto::kX509BytesMax));
  auto certificate = crypto::parse_certificate_pem(text);
  if (!certificate) return fail(std::move(certificate).error().within(certificate_path(layout)));
  if (certificate->pin != key->pin()) {
    return fail(Code::kInvalid, certificate_path(layout) + " is not the certificate of " +
                                    key_path(layout) + ": restore the one that belongs to it");
  }
  return Authority(*std::move(certificate), *std::move(key));
}

Result<http::TlsIdentity> Authority::identify(const std::vector<std::string>& names,
                                              std::chrono::seconds life, Clock& clock,
                                              const RandomSource& random) const {
  const auto key = crypto::TlsKey::generate();
  TRY(const auto request,
      crypto::parse_certificate_request(crypto::make_certificate_request(key, "stele-server")));
  TRY(const auto certificate,
      crypto::sign_server({certificate_, key_}, request, names, life, clock.wall(), random));
  const std::string authority = certificate_.to_pem();
  return http::TlsIdentity{certificate.to_pem() + authority, key.to_pem(), authority};
}

Result<crypto::Certificate> Authority::certify(ByteSpan request, const std::string& host,
                                               Clock& clock, const RandomSource& random) const {
  TRY(const auto checked, crypto::parse_certificate_request(request));
  return crypto::sign_client({certificate_, key_}, checked, host, clock.wall(), random);
}

}  // namespace stele::server
