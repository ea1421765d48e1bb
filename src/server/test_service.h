// For tests: a whole server on loopback (TLS, certificates, enrolment), and a host that is let in.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "agent/shipper.h"
#include "crypto/age.h"
#include "crypto/sha256.h"
#include "event/codec.h"
#include "http/client.h"
#include "ledger/catalog.h"
#include "ledger/keys.h"
#include "ledger/setup.h"
#include "ledger/test_recipients.h"
#include "ledger/verify.h"
#include "os/clock.h"
#include "os/posix_file_system.h"
#include "os/random.h"
#include "receipt/proof.h"
#include "segment/opener.h"
#include "segment/sealer.h"
#include "server/service.h"
#include "vault/local_vault.h"
#include "wire/enrolment.h"
#include "wire/heartbeat.h"
#include "wire/records.h"

namespace stele::server {

/// When a test gives up on what a server does within a second or so.
inline std::chrono::steady_clock::time_point patience() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(60);
}

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    (void)ledger::set_up(files, layout, {"stele/test/fleet", {}, {}}, clock, os::system_random)
        .value();
    start();
  }
  ~ServiceTest() override {
    stop();
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder))
      (void)files.protect(file.path(), os::Protection::kNone);
    std::filesystem::remove_all(folder);
  }
  void start() {
    service = Service::open(files, layout, clock, os::system_random, {}).value();
    http::ServerOptions options;
    options.identity = service->authority()
                           .identify({"127.0.0.1"}, std::chrono::hours(1), clock, os::system_random)
                           .value();
    options.now = [this] { return clock.wall(); };
    options.body_bytes_for = Service::body_bytes_for;
    server =
        http::Server::start(std::move(options), [this](http::Request request, http::Reply reply) {
          service->handle(std::move(request), std::move(reply));
        }).value();
    service->set_http_counts([this] { return server->counts(); });
  }
  void stop() {
    if (server) server->stop(std::chrono::seconds(5));
    server.reset();
    service.reset();
  }

  /// Everything the server's own streams say, in order.
  std::vector<event::Body> all_told() {
    stop();
    const auto text = files.read(layout.auditor_identity(), 4096).value();
    const auto identities = crypto::parse_identity_file(as_text(text)).value();
    const vault::LocalVault vault(files, layout.vault());
    const auto catalog = ledger::Catalog::read(vault).value();
    ledger::SegmentReader reader(vault);
    std::vector<event::Body> out;
    for (const auto& stream : catalog.streams()) {
      if (stream.kind != segment::Kind::kServer) continue;
      segment::Opener opener(identities);
      for (const auto& ref : stream.segments) {
        const Bytes bytes = reader.read(ref).value();
        const auto view = segment::parse_segment(bytes).value();
        const auto opened = opener.open(view).value();
        const auto events =
            event::decode_lane(event::Lane::kFacts, view.header.boot_first, *opened.lanes[0])
                .value();
        for (const auto& each : events) out.push_back(each.body);
      }
    }
    return out;
  }
  std::vector<std::string> rules_told() {
    std::vector<std::string> rules;
    for (const event::Body& body : all_told())
      if (const auto* finding = std::get_if<event::Finding>(&body)) rules.push_back(finding->rule);
    return rules;
  }

  http::Client client(const std::string& certificate = "", const crypto::TlsKey* key = nullptr) {
    http::ClientOptions options;
    options.base_url = "https://127.0.0.1:" + std::to_string(server->port());
    options.authority_pin = service->authority().pin();
    options.certificate_pem = certificate;
    if (key != nullptr) options.key_pem = key->to_pem();
    options.now = [this] { return clock.wall(); };
    return http::Client::make(std::move(options)).value();
  }
  static http::ClientResponse ask(http::Client& client, const std::string& method,
                                  const std::string& target, ByteSpan body = {},
                                  std::string_view type = "") {
    auto response = client.request({method, target, std::string(type), {}, body, true, {}});
    EXPECT_TRUE(response.has_value()) << response.error().message();
    return response ? *std::move(response) : http::ClientResponse();
  }
  std::string token(const std::string& host = "web01") {
    return Registry(files, layout, service->origin(), clock, os::system_random)
        .create_token(host, std::chrono::minutes(10))
        .value();
  }

  /// What an enrolling host makes and says.
  struct Newcomer {
    crypto::SigningKey signing = crypto::SigningKey::generate(os::system_random);
    crypto::TlsKey tls = crypto::TlsKey::generate();

    wire::EnrolmentRequest request(const std::string& token) const {
      wire::EnrolmentRequest request{token,
                                     wire::machine_hash("a machine"),
                                     signing.public_key().bytes,
                                     crypto::make_certificate_request(tls, "whatever"),
                                     {}};
      request.signature = signing.sign(as_bytes(wire::signed_part(request)));
      return request;
    }
  };
  http::ClientResponse enrol(const wire::EnrolmentRequest& request) {
    auto anyone = client();
    return ask(anyone, "POST", "/v1/enroll", as_bytes(encode(request)), wire::kEnrolmentType);
  }

  const std::string folder = [] {
    std::string path = ::testing::TempDir() + "stele-server-XXXXXX";
    return std::string(::mkdtemp(path.data()));
  }();
  const ledger::Layout layout{folder + "/ledger"};
  os::PosixFileSystem files;
  os::SystemClock clock;
  std::unique_ptr<Service> service;
  std::unique_ptr<http::Server> server;
};

/// A host that was let in, with a spool of its own.
class EnrolledHost : public ServiceTest {
 protected:
  EnrolledHost() {
    const auto response = enrol(newcomer.request(token()));
    EXPECT_EQ(response.status, 200) << as_text(response.body);
    told = wire::parse_enrolment(as_text(response.body)).value();
    certificate = crypto::parse_certificate_der(told.certificate)->to_pem();
    spool.emplace(spool::Spool::open(files, folder + "/spool", clock, {}).value());
  }
  http::Client own_client() { return client(certificate, &newcomer.tls); }
  segment::Sealer sealer() {
    const std::string name = ledger::host_key_name(service->origin(), told.host);
    const auto policy = receipt::VerifierKey::parse(told.policy_key).value();
    const auto list = ledger::open_recipients_list(told.recipients, policy).value();
    return {make_uuid_v7(clock.wall(), os::system_random),
            segment::Kind::kSession,
            {newcomer.signing, segment::host_key_id(name, newcomer.signing.public_key().bytes), 1},
            ledger::sealing_recipients(list, told.recipients),
            os::system_random};
  }
  static segment::Batch batch(size_t bytes) {
    segment::Batch batch;
    batch.lanes[1].resize(bytes, 'x');
    batch.event_count = 1;
    return batch;
  }

  Newcomer newcomer;
  wire::Enrolment told;
  std::string certificate;
  std::optional<agent::SharedSpool> spool;
};

}  // namespace stele::server
