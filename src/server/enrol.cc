// What a new host does: makes its keys, shows the token, and writes down what it is told.
#include <cstdio>

#include "base/hex.h"
#include "crypto/ed25519.h"
#include "http/client.h"
#include "ledger/keys.h"
#include "ledger/recipients_list.h"
#include "logsrv/ingest.h"
#include "os/clock.h"
#include "os/posix_file_system.h"
#include "os/random.h"
#include "os/who.h"
#include "server/program.h"
#include "server/registry.h"
#include "wire/enrolment.h"

namespace stele::server {
namespace {

struct Keys {
  crypto::SigningKey signing = crypto::SigningKey::generate(os::system_random);
  crypto::TlsKey tls = crypto::TlsKey::generate();
};

Result<Hash> parse_pin(const std::string& text) {
  const auto bytes = from_hex(text);
  Hash pin{};
  if (!bytes || bytes->size() != pin.size())
    return fail(Code::kInvalid, "--ca-pin: 64 hex digits are wanted, as the server prints them");
  std::copy(bytes->begin(), bytes->end(), pin.begin());
  return pin;
}

Result<wire::Enrolment> ask(const EnrolOptions& options, const Keys& keys, const Hash& pin) {
  TRY(const std::string machine, os::read_system_file("/etc/machine-id"));
  wire::EnrolmentRequest request{options.token,
                                 machine_hash(machine),
                                 keys.signing.public_key().bytes,
                                 crypto::make_certificate_request(keys.tls, "stele"),
                                 {}};
  request.signature = keys.signing.sign(as_bytes(wire::signed_part(request)));
  http::ClientOptions how;
  how.base_url = options.server;
  how.authority_pin = pin;
  os::SystemClock clock;
  how.now = [&clock] { return clock.wall(); };
  TRY(auto client, http::Client::make(std::move(how)));
  const std::string body = encode(request);
  TRY(const auto response, client.request({.method = "POST",
                                           .target = "/v1/enroll",
                                           .content_type = std::string(wire::kEnrolmentType),
                                           .headers = {},
                                           .body = as_bytes(body)}));
  if (response.status != 200) {
    return fail(Code::kUnauthentic, options.server + " refuses (" +
                                        std::to_string(response.status) +
                                        "): " + std::string(as_text(response.body).substr(0, 400)));
  }
  return wire::parse_enrolment(as_text(response.body));
}

// What the server says is checked before any of it is kept: the list is the policy key's, and the
// certificate is for our key.
Status check(const wire::Enrolment& told, const Keys& keys) {
  TRY(const auto log_key, receipt::VerifierKey::parse(told.log_key));
  TRY(const auto policy_key, receipt::VerifierKey::parse(told.policy_key));
  TRY_VOID(ledger::open_recipients_list(told.recipients, policy_key));
  TRY(const auto certificate, crypto::parse_certificate_der(told.certificate));
  if (!is_host_name(told.host) || certificate.host != told.host ||
      certificate.pin != keys.tls.pin())
    return fail(Code::kUnauthentic, "the server's certificate is not for the key it was asked for");
  return {};
}

Status keep(os::FileSystem& files, const std::string& directory, const wire::Enrolment& told,
            Keys keys) {
  const auto put = [&](const char* name, ByteSpan bytes) {
    return files.put_once(directory + "/" + name, bytes);
  };
  TRY(const auto log_key, receipt::VerifierKey::parse(told.log_key));
  const ledger::PrivateKey signing{logsrv::host_key_name(log_key.name, told.host),
                                   std::move(keys.signing)};
  TRY_VOID(put("host.key", ledger::encode(signing).span()));
  TRY_VOID(put("tls.key", keys.tls.to_pem().span()));
  TRY(const auto certificate, crypto::parse_certificate_der(told.certificate));
  TRY(const auto authority, crypto::parse_certificate_der(told.authority));
  TRY_VOID(put("tls.pem", as_bytes(certificate.to_pem())));
  TRY_VOID(put("authority.pem", as_bytes(authority.to_pem())));
  TRY_VOID(put("log.vkey", as_bytes(told.log_key + "\n")));
  TRY_VOID(put("policy.vkey", as_bytes(told.policy_key + "\n")));
  return put("recipients", told.recipients);
}

Status run(const EnrolOptions& options) {
  os::PosixFileSystem files;
  TRY(const Hash pin, parse_pin(options.authority_pin));
  if (files.exists(options.directory + "/host.key"))
    return fail(Code::kExists, options.directory + " holds an enrolled host's keys already");
  TRY_VOID(files.make_directories(options.directory));
  Keys keys;
  TRY(const auto told, ask(options, keys, pin));
  TRY_VOID(check(told, keys));
  TRY_VOID(keep(files, options.directory, told, std::move(keys)));
  std::printf("Enrolled as %s.\n  log     %s\n  policy  %s\n", told.host.c_str(),
              told.log_key.c_str(), told.policy_key.c_str());
  return {};
}

}  // namespace

int enrol(const EnrolOptions& options) {
  const Status done = run(options);
  if (done) return kExitOk;
  std::fprintf(stderr, "stele: not enrolled: %s\n", done.error().message().c_str());
  return kExitFailed;
}

}  // namespace stele::server
