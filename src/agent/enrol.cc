#include "agent/enrol.h"

#include <algorithm>

#include "agent/config.h"
#include "base/hex.h"
#include "crypto/ed25519.h"
#include "http/client.h"
#include "ledger/keys.h"
#include "ledger/recipients_list.h"
#include "os/clock.h"
#include "os/directory.h"
#include "os/random.h"
#include "os/who.h"
#include "wire/enrolment.h"

namespace stele::agent {
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
                                 wire::machine_hash(machine),
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
  if (!crypto::is_certificate_host(told.host) || certificate.host != told.host ||
      certificate.pin != keys.tls.pin())
    return fail(Code::kUnauthentic, "the server's certificate is not for the key it was asked for");
  return {};
}

Status keep(os::FileSystem& files, const std::string& directory, const wire::Enrolment& told,
            Keys keys) {
  const auto put = [&](const char* name, ByteSpan bytes) {
    return files.put_once(directory + "/" + name, bytes);
  };
  TRY(const auto policy_key, receipt::VerifierKey::parse(told.policy_key));
  TRY(const std::string origin, ledger::first_origin(policy_key));
  const ledger::PrivateKey signing{ledger::host_key_name(origin, told.host),
                                   std::move(keys.signing)};
  TRY_VOID(put("host.key", ledger::encode(signing).span()));
  TRY_VOID(put("tls.key", keys.tls.to_pem().span()));
  TRY(const auto certificate, crypto::parse_certificate_der(told.certificate));
  TRY(const auto authority, crypto::parse_certificate_der(told.authority));
  TRY_VOID(put("tls.pem", as_bytes(certificate.to_pem())));
  TRY_VOID(put("authority.pem", as_bytes(authority.to_pem())));
  TRY_VOID(put("log.vkey", as_bytes(told.log_key + "\n")));
  TRY_VOID(put("policy.vkey", as_bytes(told.policy_key + "\n")));
  TRY(const std::string machine, os::read_system_file("/etc/machine-id"));
  TRY_VOID(put("machine", as_bytes(to_hex(wire::machine_hash(machine)) + "\n")));
  TRY_VOID(put("epoch", as_bytes(std::to_string(told.epoch) + "\n")));
  return put("recipients", told.recipients);
}

/// What the agent reads (agent/config.h): everything else is as it is meant to be.
std::string configuration(const EnrolOptions& options) {
  return "# stele's agent: where it ships to, and where it keeps its keys.\nserver = \"" +
         options.server + "\"\ndir = \"" + options.directory + "\"\n";
}

bool is_plain(const std::string& text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status prepare(os::FileSystem& files, const EnrolOptions& options) {
  if (!options.server.starts_with("https://") || !is_plain(options.server))
    return fail(Code::kInvalid, "--server: an address like https://log.example:8443 is wanted");
  if (!options.directory.starts_with('/') || !is_plain(options.directory))
    return fail(Code::kInvalid, "--dir: a path from / on is wanted");
  if (files.exists(options.directory + "/host.key"))
    return fail(Code::kExists, options.directory + " holds an enrolled host's keys already");
  if (files.exists(options.config)) {
    auto known = load_config(files, options.config);
    if (!known) return fail(std::move(known).error());
    if (known->server != options.server || known->directory != options.directory) {
      return fail(Code::kExists, options.config + " is for " + known->server + " and " +
                                     known->directory +
                                     ": mend or remove it, or enrol with what it says");
    }
  } else {
    TRY_VOID(os::make_public_directory(parent_of(options.config)));
  }
  return files.make_directories(options.directory);
}

}  // namespace

Result<NewHost> enrol(os::FileSystem& files, const EnrolOptions& options) {
  TRY(const Hash pin, parse_pin(options.authority_pin));
  TRY_VOID(prepare(files, options));
  Keys keys;
  TRY(const auto told, ask(options, keys, pin));
  TRY_VOID(check(told, keys));
  TRY_VOID(keep(files, options.directory, told, std::move(keys)));
  if (!files.exists(options.config))
    TRY_VOID(files.put_once(options.config, as_bytes(configuration(options))));
  return NewHost{told.host, told.log_key, told.policy_key};
}

}  // namespace stele::agent
