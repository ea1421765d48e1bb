#include "agent/tls_door.h"

#include <array>

#include "base/hex.h"
#include "os/trusted_file.h"

namespace stele::agent {
namespace {

constexpr size_t kFileBytesMax = crypto::kX509BytesMax * crypto::kX509ChainMax;

tl::unexpected<Error> within(const char* key, Error error) {
  return fail(std::move(error).within(std::string("sudo_log_tls.") + key));
}

Result<http::TlsIdentity> read_identity(const SudoTls& files) {
  http::TlsIdentity identity;
  identity.demands_certificate = true;
  auto certificate = os::read_trusted_file(files.certificate, kFileBytesMax);
  if (!certificate) return within("certificate", certificate.error());
  if (const auto shown = crypto::parse_certificates_pem(as_bytes(*certificate)); !shown)
    return within("certificate", Error(shown.error()).within(files.certificate));
  identity.certificate_pem = *std::move(certificate);
  auto key = os::read_secret_file(files.key, crypto::kX509BytesMax);
  if (!key) return within("key", key.error());
  identity.key_pem = crypto::SecretBytes(as_bytes(*key));
  crypto::wipe({reinterpret_cast<uint8_t*>(key->data()), key->size()});
  auto clients = os::read_trusted_file(files.clients, kFileBytesMax);
  if (!clients) return within("clients", clients.error());
  if (const auto trusted = crypto::parse_certificates_pem(as_bytes(*clients)); !trusted)
    return within("clients", Error(trusted.error()).within(files.clients));
  identity.client_authorities_pem = *std::move(clients);
  return identity;
}

}  // namespace

Result<std::unique_ptr<TlsDoor>> TlsDoor::make(SudoTls files, Clock& clock) {
  std::unique_ptr<TlsDoor> door(new TlsDoor(std::move(files), clock));
  TRY_VOID(door->refresh());
  return door;
}

Status TlsDoor::refresh() {
  TRY(const http::TlsIdentity identity, read_identity(files_));
  auto made =
      http::TlsServer::make(identity, std::chrono::seconds(0), [this] { return clock_.wall(); });
  // Both certificates were read well: what else is wrong is the key, or is not its certificate's.
  if (!made) return within("key", Error(made.error()).within(files_.key));
  const std::lock_guard lock(mutex_);
  server_ = *std::move(made);
  return {};
}

std::shared_ptr<const http::TlsServer> TlsDoor::server() const {
  const std::lock_guard lock(mutex_);
  return server_;
}

Result<SudoDoor::Enter> TlsDoor::knock(os::StreamSocket socket) {
  TRY(std::string address, os::address_of_other_end(socket.get()));
  auto seat = knocking_.enter(http::peer_of_address(address));
  if (!seat) return fail(Code::kLimit, "too many shake hands, or too many from " + address);
  const auto knocking = std::make_shared<Knocking>(std::move(socket), std::move(address),
                                                   std::move(seat), clock_.boot() + kHandshakeMax);
  return [this, knocking](const os::Wake& stop) { return enter(std::move(*knocking), stop); };
}

Status TlsDoor::shake_hands(http::TlsStream& stream, BootTime due, const os::Wake& stop) {
  for (;;) {
    TRY(const bool is_done, stream.shake_hands());
    if (is_done) return {};
    const Micros left = due - clock_.boot();
    if (left <= Micros(0)) return fail(Code::kLimit, "too slow with its TLS handshake");
    std::array<os::Readiness, 2> set = {{
        stream.awaited(false),
        {.fd = stop.fd(), .want_read = true},
    }};
    os::wait_until_ready(set, left);
    if (set[1].can_read) return fail(Code::kBusy, "the agent ends");
  }
}

Result<SudoDoor::Guest> TlsDoor::enter(Knocking knocking, const os::Wake& stop) {
  const std::string& address = knocking.address;
  auto stream = std::make_unique<http::TlsStream>(server(), std::move(knocking.socket));
  const auto seat = std::move(knocking.seat);  // free before the peer sees that it is away
  if (const Status shaken = shake_hands(*stream, knocking.due, stop); !shaken)
    return fail(Error(shaken.error()).within(address));
  SudoClient client{name_of(*stream->peer()), address};
  std::shared_ptr<const void> place = guests_.enter(client.name);
  if (!place) return fail(Code::kLimit, "too many are in, or too many of " + client.name);
  return Guest{std::move(stream), std::move(client), std::move(place)};
}

std::string name_of(const crypto::Certificate& certificate) {
  std::string name = certificate.common_name;
  if (name.empty() && !certificate.names.empty()) name = certificate.names.front();
  if (name.empty()) return "the key " + to_hex(certificate.pin).substr(0, 16);
  return printable(name);
}

}  // namespace stele::agent
