// A whole server on loopback: TLS, certificates, enrolment, and a host that ships to it.
#include "server/service.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "agent/shipper.h"
#include "crypto/sha256.h"
#include "http/client.h"
#include "ledger/keys.h"
#include "ledger/recipients_list.h"
#include "ledger/setup.h"
#include "ledger/verify.h"
#include "os/clock.h"
#include "os/posix_file_system.h"
#include "os/random.h"
#include "segment/sealer.h"
#include "wire/enrolment.h"

namespace stele::server {
namespace {

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
    options.identity =
        service->authority().identify({"127.0.0.1"}, clock, os::system_random).value();
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

TEST_F(EnrolledHost, ships_its_sessions_and_frees_what_is_proven) {
  auto to_post = own_client(), to_read = client();
  agent::LogWatch watch(receipt::VerifierKey::parse(told.log_key).value(),
                        agent::nothing_yet(receipt::VerifierKey::parse(told.log_key).value()),
                        [&](const std::string& path) -> Result<Bytes> {
                          auto response = ask(to_read, "GET", "/log/" + path);
                          if (response.status != 200) return fail(Code::kNotFound, path);
                          return std::move(response.body);
                        });
  agent::Shipper shipper(*spool, watch,
                         [&](ByteSpan request) -> Result<Bytes> {
                           auto response =
                               ask(to_post, "POST", "/v1/segments", request, wire::kSegmentsType);
                           if (response.status != 200)
                             return fail(Code::kIo, std::string(as_text(response.body)));
                           return std::move(response.body);
                         },
                         clock, {});
  std::set<Hash> sent;
  for (int session = 0; session < 20; ++session) {
    auto s = sealer();
    for (int i = 0; i < 5; ++i) {
      const auto sealed = s.seal(batch(1000), i == 4).value();
      sent.insert(sealed.hash);
      ASSERT_TRUE(spool->append(sealed.bytes, i + 1, 1000, spool::Room::kOrdinary).has_value());
    }
  }
  ASSERT_TRUE(spool->sync().has_value());
  const auto waiting = [&] {
    return spool->with([](const spool::Spool& each) { return each.depth().segments; });
  };
  while (waiting() > 0) {
    const auto shipped = shipper.ship();
    ASSERT_TRUE(shipped.has_value()) << shipped.error().message();
    const auto confirmed = shipper.confirm();
    ASSERT_TRUE(confirmed.has_value()) << confirmed.error().message();
  }
  EXPECT_TRUE(shipper.take_findings().empty());
  EXPECT_EQ(watch.last().size, 100U);
  stop();
  const ledger::Trust trust{ledger::load_verifier_key(files, layout.log_vkey()).value(),
                            ledger::HostKeys::load(files, layout.host_vkey()).value()};
  const auto report = ledger::verify(files, layout, trust, {}).value();
  EXPECT_EQ(report.verdict, ledger::Verdict::kIntact);
  EXPECT_EQ(report.streams.size(), 20U);
  EXPECT_EQ(report.leaves, sent.size());
}

TEST_F(EnrolledHost, is_asked_for_its_certificate_and_held_to_it) {
  auto s = sealer();
  Bytes body;
  wire::add_segment(body, s.seal(batch(10), true).value().bytes);
  auto nobody = client();
  EXPECT_EQ(ask(nobody, "POST", "/v1/segments", body, wire::kSegmentsType).status, 403);
  auto own = own_client();
  EXPECT_EQ(ask(own, "POST", "/v1/segments", body, "text/plain").status, 415);
  EXPECT_EQ(ask(own, "POST", "/v1/segments", Bytes{1, 2, 3}, wire::kSegmentsType).status, 400);

  const Newcomer other;
  const auto let_in =
      wire::parse_enrolment(as_text(enrol(other.request(token("web02"))).body)).value();
  auto thief = client(crypto::parse_certificate_der(let_in.certificate)->to_pem(), &other.tls);
  const auto stolen = ask(thief, "POST", "/v1/segments", body, wire::kSegmentsType);
  const auto answers = wire::parse_answers(stolen.body, 1).value();
  EXPECT_EQ(std::get<wire::Refused>(answers[0]).code, wire::Refusal::kNotYours);

  EXPECT_EQ(ask(own, "POST", "/v1/segments", body, wire::kSegmentsType).status, 200);
  ASSERT_TRUE(Registry(files, layout, service->origin(), clock, os::system_random)
                  .revoke("web01")
                  .has_value());
  EXPECT_EQ(ask(own, "POST", "/v1/segments", body, wire::kSegmentsType).status, 403) << "revoked";
}

TEST_F(EnrolledHost, is_taken_again_after_the_server_came_up_again) {
  auto s = sealer();
  Bytes body;
  wire::add_segment(body, s.seal(batch(10), false).value().bytes);
  const auto post = [&] {
    auto own = own_client();
    const auto response = ask(own, "POST", "/v1/segments", body, wire::kSegmentsType);
    EXPECT_EQ(response.status, 200);
    return std::get<wire::Accepted>(wire::parse_answers(response.body, 1).value()[0]);
  };
  const auto first = post();
  stop();
  start();
  EXPECT_EQ(post(), first) << "the same index, the same leaf";
}

TEST_F(ServiceTest, a_token_lets_in_once_and_says_nothing_when_it_does_not) {
  const std::string good = token();
  const Newcomer one, two;
  EXPECT_EQ(enrol(one.request(good)).status, 200);
  const auto used = enrol(two.request(good));
  const auto unknown = enrol(two.request("stele-token-v1." + std::string(64, '0')));
  EXPECT_EQ(used.status, 403);
  EXPECT_EQ(unknown.status, 403);
  EXPECT_EQ(used.body, unknown.body);
}

TEST_F(ServiceTest, a_wrong_request_leaves_the_token_unused) {
  const std::string good = token();
  const Newcomer one;
  auto request = one.request(good);
  request.signature[5] ^= 1;
  EXPECT_EQ(enrol(request).status, 403) << "not signed by the key it brings";
  request = one.request(good);
  request.certificate_request[30] ^= 1;
  request.signature = one.signing.sign(as_bytes(wire::signed_part(request)));
  EXPECT_GE(enrol(request).status, 400);
  auto anyone = client();
  EXPECT_EQ(ask(anyone, "POST", "/v1/enroll", as_bytes("hello"), wire::kEnrolmentType).status, 400);
  EXPECT_EQ(enrol(one.request(good)).status, 200);
}

TEST_F(ServiceTest, the_log_is_public_and_nothing_else_is) {
  auto anyone = client();
  const auto checkpoint = ask(anyone, "GET", "/log/checkpoint");
  EXPECT_EQ(checkpoint.status, 200);
  const auto key = ledger::load_verifier_key(files, layout.log_vkey()).value();
  EXPECT_EQ(receipt::open_checkpoint(checkpoint.body, key)->size, 0U);
  for (const char* path :
       {"/log/tile/0/000", "/log/../keys/log.key", "/log/%2e%2e/%2e%2e/keys/log.key",
        "/log/tile/../../../keys/log.key", "/log/", "/keys/log.key", "/", "/v1/segments"}) {
    const auto response = ask(anyone, "GET", path);
    EXPECT_GE(response.status, 400) << path;
    EXPECT_LT(response.status, 500) << path;
  }
}

TEST_F(ServiceTest, says_how_it_is) {
  auto anyone = client();
  EXPECT_EQ(ask(anyone, "GET", "/healthz").status, 200);
  EXPECT_EQ(ask(anyone, "GET", "/readyz").status, 200);
  const auto metrics = ask(anyone, "GET", "/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_NE(as_text(metrics.body).find("stele_segments_total 0\n"), std::string_view::npos);
  EXPECT_NE(as_text(metrics.body).find("stele_http_requests_total{status=\"200\"} "),
            std::string_view::npos);
}

TEST_F(ServiceTest, keeps_its_authority) {
  const Hash pin = service->authority().pin();
  stop();
  start();
  EXPECT_EQ(service->authority().pin(), pin);
  stop();
  ASSERT_TRUE(files.remove(folder + "/ledger/tls-authority.pem").has_value());
  EXPECT_FALSE(Service::open(files, layout, clock, os::system_random, {}).has_value())
      << "half of it is a reason to ask, not to make another";
}

}  // namespace
}  // namespace stele::server
