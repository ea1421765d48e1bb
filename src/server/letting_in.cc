// Service, where hosts are let in: enrolment, their next certificates, and the recipients list.
#include "crypto/ed25519.h"
#include "http/gate.h"
#include "server/answers.h"
#include "server/service.h"
#include "wire/enrolment.h"

namespace stele::server {

using http::Reply;
using http::Request;
using http::text_response;

void Service::renew(Request request, Reply reply) {
  const bool has_room = workers_->post([this, request = std::move(request), reply] {
    const auto renewed = renew_now(request);
    if (!renewed) {
      if (renewed.error().code == Code::kUnauthentic)
        reading_->refused(request, "host:" + std::string(request.peer.host()), "");
      return void(reply.send(error_response(renewed.error())));
    }
    const ByteSpan text = as_bytes(*renewed);
    reply.send(bytes_response(wire::kRenewalType, Bytes(text.begin(), text.end())));
  });
  if (!has_room) reply.send(text_response(503, "too much waits; try again"));
}

// The certificate may have run out, as far as the TLS layer lets it through; the signing key is
// shown in any case.
Result<std::string> Service::renew_now(const Request& request) {
  const std::string host(request.peer.host());
  if (host.empty()) return fail(no_host());
  TRY_VOID(check_known(host));
  if (!is_type(request, wire::kRenewalType))
    return fail(Code::kInvalid, "Content-Type: " + std::string(wire::kRenewalType));
  TRY(const auto asked, wire::parse_renewal_request(as_text(request.body)));
  std::shared_ptr<const logsrv::Admission> admission;
  {
    const std::lock_guard lock(mutex_);
    admission = admission_;
  }
  const auto key = admission->keys->newest(admission->hosts, ledger::host_key_name(origin_, host),
                                           {asked.key, asked.epoch});
  if (!key || !crypto::verify(*key, as_bytes(wire::signed_part(asked, host)), asked.signature))
    return fail(Code::kUnauthentic, "the request is not signed by the host's newest key");
  TRY(const auto certificate, authority_.certify(asked.certificate_request, host, clock_, random_));
  tell_of_host(request, host, "certificate");
  if (request.peer.is_expired) {
    reading_->found({"expired-certificate",
                     host + " renewed a certificate that had run out on " +
                         rfc3339(request.peer.certificate->not_after),
                     {},
                     {}});
  }
  return encode(wire::Renewal{certificate.der});
}

void Service::give_recipients(Request request, Reply reply) {
  const bool has_room = workers_->post([this, request = std::move(request), reply] {
    const auto host = known_host(request);
    if (!host) {
      reading_->refused(request, "host:" + std::string(request.peer.host()), "");
      return void(reply.send(error_response(host.error())));
    }
    tell_of_host(request, *host, "recipients");
    auto response = bytes_response("text/plain; charset=utf-8", Bytes(recipients()->note));
    response.headers.push_back({"cache-control", "no-store"});
    reply.send(std::move(response));
  });
  if (!has_room) reply.send(text_response(503, "too much waits; try again"));
}

void Service::enrol(Request request, Reply reply) {
  const bool has_room = workers_->post([this, request = std::move(request), reply] {
    const auto enrolled = enrol_now(request);
    if (!enrolled) {
      if (enrolled.error().code == Code::kUnauthentic) reading_->refused(request, "", "");
      return void(reply.send(error_response(enrolled.error())));
    }
    const ByteSpan text = as_bytes(*enrolled);
    reply.send(bytes_response(wire::kEnrolmentType, Bytes(text.begin(), text.end())));
  });
  if (!has_room) reply.send(text_response(503, "too much waits; try again"));
}

// The request is checked whole, and its certificate made, before the token is used up.
Result<std::string> Service::enrol_now(const Request& request) {
  if (!is_type(request, wire::kEnrolmentType))
    return fail(Code::kInvalid, "Content-Type: " + std::string(wire::kEnrolmentType));
  TRY(const auto asked, wire::parse_enrolment_request(as_text(request.body)));
  const crypto::PublicKey key{asked.signing_key};
  if (!crypto::verify(key, as_bytes(wire::signed_part(asked)), asked.signature))
    return fail(Code::kUnauthentic, "the request is not signed by the key it brings");
  TRY_VOID(crypto::parse_certificate_request(asked.certificate_request));
  TRY(const auto log_key, ledger::load_verifier_key(files_, layout_.log_vkey()));
  TRY(const auto policy_key, ledger::load_verifier_key(files_, layout_.policy_vkey()));
  const std::lock_guard lock(registry_mutex_);
  const auto host = registry_.host_of(asked.token);
  if (!host && host.error().code == Code::kUnauthentic) {
    if (const auto before = registry_.used_for(asked.token)) {
      found_of(*before, event::Finding{"token-reuse",
                                       "a token that let " + *before + " in was shown again from " +
                                           http::peer_of_address(request.peer.address),
                                       {},
                                       {}});
    }
    return fail(Code::kUnauthentic, "this token does not let anybody in");  // no word on why
  }
  if (!host) return fail(host.error());
  TRY(const auto certificate,
      authority_.certify(asked.certificate_request, *host, clock_, random_));
  TRY(const auto enrolled,
      registry_.enrol(asked.token, asked.machine, key, [this] { return admit(); }));
  {
    const std::lock_guard known(known_mutex_);
    known_.erase(*host);
  }
  heartbeats_->expect(*host);
  tell_of_host(request, *host, "enrol");
  if (enrolled.other_machine) {
    reading_->found({"other-machine", *host + " was enrolled again, from another machine", {}, {}});
  }
  return encode(wire::Enrolment{*host, enrolled.epoch, log_key.to_string(), policy_key.to_string(),
                                recipients()->note, certificate.der, authority_.certificate().der});
}

}  // namespace stele::server
