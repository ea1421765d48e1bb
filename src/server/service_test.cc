// A whole server on loopback: TLS, certificates, enrolment, and a host that ships to it.
#include "server/service.h"

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
#include "wire/enrolment.h"
#include "wire/heartbeat.h"
#include "wire/records.h"

namespace stele::server {
namespace {

/// When a test gives up on what a server does within a second or so.
std::chrono::steady_clock::time_point patience() {
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
    const vault::Vault vault(files, layout.vault());
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
  EXPECT_GT(watch.last().size, 100U);
  stop();
  const ledger::Trust trust{ledger::load_verifier_key(files, layout.log_vkey()).value(),
                            ledger::HostKeys::load(files, layout.host_vkey()).value()};
  const auto report = ledger::verify(files, layout, trust, {}).value();
  EXPECT_EQ(report.verdict, ledger::Verdict::kIntact);
  EXPECT_EQ(report.streams.size(), 21U) << "with the server's own";
  EXPECT_EQ(report.streams.front().kind, segment::Kind::kServer);
  EXPECT_GT(report.leaves, sent.size());
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
  int status = 200;
  for (const auto end = patience(); status == 200 && std::chrono::steady_clock::now() < end;)
    status = ask(own, "POST", "/v1/segments", body, wire::kSegmentsType).status;
  EXPECT_EQ(status, 403) << "a second after it was revoked";
}

TEST_F(EnrolledHost, a_new_list_is_in_force_without_a_restart_and_the_one_before_is_still_taken) {
  auto own = own_client(), anyone = client();
  EXPECT_EQ(ask(anyone, "GET", "/v1/recipients").status, 403);
  EXPECT_EQ(ask(own, "GET", "/v1/recipients").body, told.recipients);
  const auto post = [&](segment::Sealer& from) {
    Bytes body;
    from.rekey_next();
    wire::add_segment(body, from.seal(batch(10), false).value().bytes);
    return wire::parse_answers(ask(own, "POST", "/v1/segments", body, wire::kSegmentsType).body, 1)
        .value()[0];
  };
  auto before = sealer();
  EXPECT_TRUE(std::holds_alternative<wire::Accepted>(post(before)));

  const auto signer = ledger::policy_signer(files, layout);
  const auto reader = crypto::Identity::generate(os::system_random).recipient();
  const Bytes next = ledger::next_list(files, layout, 2, signer, reader);
  const Bytes nowhere = ledger::next_list(files, layout, 3, signer, reader);
  ASSERT_TRUE(files.replace(layout.recipients(), next));
  Bytes given;
  for (const auto end = patience(); given != next && std::chrono::steady_clock::now() < end;)
    given = ask(own, "GET", "/v1/recipients").body;
  EXPECT_EQ(given, next);
  const auto beat =
      ask(own, "POST", "/v1/heartbeats", wire::encode(wire::Heartbeat()), wire::kHeartbeatType);
  EXPECT_EQ(wire::parse_heartbeat_answer(beat.body)->recipients, crypto::sha256(next));
  told.recipients = next;
  auto after = sealer();
  EXPECT_TRUE(std::holds_alternative<wire::Accepted>(post(after)));
  EXPECT_TRUE(std::holds_alternative<wire::Accepted>(post(before))) << "as a spool may hold it";

  stop();
  start();
  own = own_client();
  EXPECT_TRUE(std::holds_alternative<wire::Accepted>(post(before)));
  EXPECT_TRUE(std::holds_alternative<wire::Accepted>(post(after)));
  told.recipients = nowhere;
  auto unknown = sealer();
  EXPECT_EQ(std::get<wire::Refused>(post(unknown)).code, wire::Refusal::kUnknownRecipients);
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
  EXPECT_LE(receipt::open_checkpoint(checkpoint.body, key)->size, 1U) << "the server started";
  for (const char* path :
       {"/log/tile/0/000", "/log/../keys/log.key", "/log/%2e%2e/%2e%2e/keys/log.key",
        "/log/tile/../../../keys/log.key", "/log/", "/keys/log.key", "/", "/v1/segments"}) {
    const auto response = ask(anyone, "GET", path);
    EXPECT_GE(response.status, 400) << path;
    EXPECT_LT(response.status, 500) << path;
  }
}

/// People with one role each, and what they get.
class PeopleAtTheService : public EnrolledHost {
 protected:
  std::string token_of(const std::string& name, const RoleSet& roles) {
    People people(files, layout, clock, os::system_random);
    EXPECT_TRUE(people.add(name, name, roles).has_value());
    return people.create_token(name, std::chrono::hours(1)).value();
  }
  http::ClientResponse get(const std::string& token, const std::string& target) {
    auto anyone = client();
    http::ClientRequest request;
    request.target = target;
    request.is_idempotent = true;
    if (!token.empty()) request.headers.push_back({"authorization", "Bearer " + token});
    auto response = anyone.request(request);
    EXPECT_TRUE(response.has_value()) << response.error().message();
    return response ? *std::move(response) : http::ClientResponse();
  }
  /// A closed session of two segments, which hold this much in each of facts and output.
  StreamId record(size_t bytes) {
    auto s = sealer();
    Bytes body;
    for (int i = 0; i < 2; ++i) {
      segment::Batch b = batch(bytes);
      b.lanes[0].resize(bytes, 'y');
      wire::add_segment(body, s.seal(b, i == 1).value().bytes);
    }
    auto own = own_client();
    EXPECT_EQ(ask(own, "POST", "/v1/segments", body, wire::kSegmentsType).status, 200);
    return s.stream();
  }
  size_t count(const std::vector<event::Body>& all, event::Asked::Kind kind,
               const std::string& person, const std::string& what) {
    return static_cast<size_t>(std::count_if(all.begin(), all.end(), [&](const event::Body& body) {
      const auto* asked = std::get_if<event::Asked>(&body);
      return asked != nullptr && asked->kind == kind && asked->person == person &&
             (what.empty() || asked->what == what);
    }));
  }
};

TEST_F(PeopleAtTheService, an_investigator_gets_whole_segments_and_an_auditor_their_fronts) {
  const StreamId id = record(1000);
  const std::string auditor = token_of("ada", {Role::kAuditor}),
                    investigator = token_of("ian", {Role::kInvestigator});
  const std::string path = "/v1/sessions/" + to_string(id);
  const auto whole = get(investigator, path + "/segments?for=play");
  ASSERT_EQ(whole.status, 200) << as_text(whole.body);
  const auto records = wire::parse_records(whole.body).value();
  ASSERT_EQ(records.size(), 2U);
  for (const auto& record : records)
    EXPECT_EQ(crypto::sha256(record.bytes), record.leaf.segment_hash);
  EXPECT_EQ(get(auditor, path + "/segments").status, 403);
  const auto front = get(auditor, path + "/facts");
  ASSERT_EQ(front.status, 200);
  const auto fronts = wire::parse_records(front.body).value();
  for (const auto& record : fronts) {
    const auto header = segment::parse_header(record.bytes).value();
    EXPECT_EQ(record.bytes.size(), wire::front_bytes(header));
    EXPECT_LT(record.bytes.size() + 16, record.leaf.segment_bytes) << "nothing that was shown";
  }
  EXPECT_EQ(wire::parse_records(get(investigator, path + "/segments?from=1").body)->size(), 1U);
  EXPECT_TRUE(wire::parse_records(get(investigator, path + "/segments?from=2").body)->empty());
  EXPECT_EQ(get(investigator, path + "/segments?from=x").status, 400);
  const auto all = all_told();
  EXPECT_EQ(count(all, event::Asked::Kind::kLogin, "ada", ""), 1U);
  EXPECT_EQ(count(all, event::Asked::Kind::kLogin, "ian", ""), 1U);
  EXPECT_GE(count(all, event::Asked::Kind::kAccess, "ian", "segments"), 1U);
  EXPECT_GE(count(all, event::Asked::Kind::kAccess, "ada", "facts"), 1U);
  EXPECT_EQ(count(all, event::Asked::Kind::kRefusal, "ada", ""), 1U);
  EXPECT_EQ(count(all, event::Asked::Kind::kAccess, "host:web01", "enrol"), 1U);
  EXPECT_TRUE(std::holds_alternative<event::ServerStart>(all.front()));
  EXPECT_TRUE(std::holds_alternative<event::ServerStop>(all.back()));
}

TEST_F(PeopleAtTheService, a_refusal_tells_nothing_of_what_is_there) {
  const StreamId id = record(10);
  const std::string admin = token_of("amy", {Role::kAdmin}),
                    investigator = token_of("ian", {Role::kInvestigator});
  const std::string there = "/v1/sessions/" + to_string(id) + "/segments",
                    nowhere = "/v1/sessions/00000000-0000-7000-8000-000000000000/segments";
  const auto one = get(admin, there), other = get(admin, nowhere);
  EXPECT_EQ(one.status, 403);
  EXPECT_EQ(other.status, 403);
  EXPECT_EQ(one.body, other.body);
  const auto none = get("", there), bad = get("stele-key-v1." + std::string(64, '0'), nowhere);
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(bad.status, 401);
  EXPECT_EQ(none.body, bad.body);
  EXPECT_EQ(get(investigator, nowhere).status, 404);
}

TEST_F(PeopleAtTheService, a_flood_of_refusals_is_bounded_and_counted) {
  int refused = 0, slowed = 0;
  for (int i = 0; i < 200; ++i) {
    const int status = get("nobody", "/v1/hosts").status;
    refused += status == 401 ? 1 : 0;
    slowed += status == 429 ? 1 : 0;
  }
  EXPECT_EQ(refused, 20);
  EXPECT_EQ(slowed, 180);
  size_t events = 0;
  uint64_t counted = 0;
  for (const auto& body : all_told()) {
    const auto* asked = std::get_if<event::Asked>(&body);
    if (asked == nullptr || asked->kind != event::Asked::Kind::kRefusal) continue;
    ++events;
    counted += std::max<uint64_t>(1, asked->count);
  }
  EXPECT_LE(events, 2U);
  EXPECT_EQ(counted, 200U) << "those that were not looked at are counted too";
}

TEST_F(PeopleAtTheService, what_is_proven_and_listed) {
  const StreamId id = record(100);
  const std::string auditor = token_of("ada", {Role::kAuditor}),
                    verifier = token_of("vic", {Role::kVerifier});
  const auto sessions = get(auditor, "/v1/sessions");
  ASSERT_EQ(sessions.status, 200);
  EXPECT_NE(as_text(sessions.body).find("\"session\":\"" + to_string(id) + "\",\"host\":\"web01\""),
            std::string_view::npos)
      << as_text(sessions.body);
  EXPECT_EQ(get(verifier, "/v1/sessions").status, 403);
  EXPECT_NE(as_text(get(auditor, "/v1/hosts").body).find("\"host\":\"web01\""),
            std::string_view::npos);
  const auto tail = get(verifier, "/v1/tails/" + to_string(id));
  EXPECT_EQ(tail.status, 200);
  EXPECT_TRUE(as_text(tail.body).starts_with("stele-tail-v1\n" + to_string(id) + "\n2\n"));
  EXPECT_TRUE(as_text(tail.body).ends_with("\nclosed\n"));
  http::ClientResponse proof;
  for (const auto end = patience(); proof.status != 200 && std::chrono::steady_clock::now() < end;)
    proof = get(verifier, "/v1/proof?leaf=1");
  ASSERT_EQ(proof.status, 200);
  const auto receipt = receipt::parse_receipt(proof.body).value();
  const auto log_key = ledger::load_verifier_key(files, layout.log_vkey()).value();
  EXPECT_TRUE(receipt::verify_receipt(receipt, receipt.extra, log_key).has_value());
  EXPECT_EQ(get(verifier, "/v1/proof?leaf=123456").status, 404);
  EXPECT_EQ(get(verifier, "/v1/proof").status, 400);
  EXPECT_TRUE(as_text(get(verifier, "/v1/keys").body).starts_with("stele-keys-v1\n"));
  auto own = own_client();
  EXPECT_EQ(ask(own, "GET", "/v1/tails/" + to_string(id)).status, 401) << "a host is no person";
}

TEST_F(PeopleAtTheService, its_own_stream_goes_on_and_is_verified_like_any) {
  stop();
  start();
  stop();
  start();
  stop();
  const ledger::Trust trust{ledger::load_verifier_key(files, layout.log_vkey()).value(),
                            ledger::HostKeys::load(files, layout.host_vkey()).value()};
  const auto report = ledger::verify(files, layout, trust, {}).value();
  EXPECT_EQ(report.verdict, ledger::Verdict::kIntact);
  ASSERT_EQ(report.streams.size(), 3U);
  for (const auto& stream : report.streams) {
    EXPECT_EQ(stream.kind, segment::Kind::kServer);
    EXPECT_TRUE(stream.faults.empty());
  }
  const vault::Vault vault(files, layout.vault());
  const auto catalog = ledger::Catalog::read(vault).value();
  ledger::SegmentReader reader(vault);
  for (size_t i = 1; i < 3; ++i) {
    const auto& before = catalog.streams()[i - 1];
    const Bytes bytes = reader.read(catalog.streams()[i].segments.front()).value();
    const auto manifest = segment::parse_manifest(segment::parse_segment(bytes)->manifest).value();
    ASSERT_TRUE(manifest.continues.has_value());
    EXPECT_EQ(manifest.continues->stream, before.id);
    EXPECT_EQ(manifest.continues->last_hash, before.segments.back().leaf.segment_hash);
  }
}

TEST_F(EnrolledHost, renews_its_certificate_with_its_newest_key) {
  const std::string name = ledger::host_key_name(service->origin(), "web01");
  const crypto::TlsKey fresh = crypto::TlsKey::generate();
  wire::RenewalRequest request;
  request.key = segment::host_key_id(name, newcomer.signing.public_key().bytes);
  request.certificate_request = crypto::make_certificate_request(fresh, "other");
  const auto post = [&](http::Client& by) {
    request.signature = newcomer.signing.sign(as_bytes(wire::signed_part(request, "web01")));
    return ask(by, "POST", "/v1/certificates", as_bytes(encode(request)), wire::kRenewalType);
  };
  auto own = own_client(), nobody = client();
  EXPECT_EQ(post(nobody).status, 403);
  const auto response = post(own);
  ASSERT_EQ(response.status, 200) << as_text(response.body);
  const auto renewed = wire::parse_renewal(as_text(response.body)).value();
  const auto next = crypto::parse_certificate_der(renewed.certificate).value();
  EXPECT_EQ(next.host, "web01");
  EXPECT_EQ(next.pin, fresh.pin());
  auto by_next = client(next.to_pem(), &fresh);
  Bytes body;
  auto s = sealer();
  wire::add_segment(body, s.seal(batch(10), true).value().bytes);
  EXPECT_EQ(ask(by_next, "POST", "/v1/segments", body, wire::kSegmentsType).status, 200);

  request.epoch = 2;
  EXPECT_EQ(post(own).status, 403) << "no such key";
  request.epoch = 1;
  request.signature = crypto::SigningKey::generate(os::system_random)
                          .sign(as_bytes(wire::signed_part(request, "web01")));
  EXPECT_EQ(
      ask(own, "POST", "/v1/certificates", as_bytes(encode(request)), wire::kRenewalType).status,
      403);
  ASSERT_EQ(enrol(Newcomer().request(token())).status, 200);
  EXPECT_EQ(post(own).status, 403) << "another machine has the name now";
}

TEST_F(EnrolledHost, a_heartbeat_is_answered_with_a_clock) {
  wire::Heartbeat heartbeat;
  heartbeat.wall = clock.wall();
  auto own = own_client(), anyone = client();
  const auto beat = [&](http::Client& who, ByteSpan body) {
    return ask(who, "POST", "/v1/heartbeats", body, wire::kHeartbeatType);
  };
  const auto answer = beat(own, wire::encode(heartbeat));
  EXPECT_EQ(answer.status, 200) << as_text(answer.body);
  EXPECT_GE(wire::parse_heartbeat_answer(answer.body)->wall, heartbeat.wall);
  Bytes newer = wire::encode(heartbeat);
  newer.resize(wire::kHeartbeatBytesMax, 7);
  EXPECT_EQ(beat(own, newer).status, 200) << "of a newer agent, which says more";
  newer.push_back(7);
  EXPECT_EQ(beat(own, newer).status, 413);
  EXPECT_EQ(beat(own, as_bytes("hello")).status, 400);
  EXPECT_EQ(beat(anyone, wire::encode(heartbeat)).status, 403);
}

TEST_F(EnrolledHost, that_verified_another_log_is_a_finding) {
  auto own = own_client();
  wire::Heartbeat heartbeat;
  heartbeat.checkpoint_size = 1'000'000;
  heartbeat.checkpoint_root = Hash{1};
  for (int i = 0; i < 3; ++i)
    ask(own, "POST", "/v1/heartbeats", wire::encode(heartbeat), wire::kHeartbeatType);
  EXPECT_EQ(rules_told(), std::vector<std::string>{"rolled-back"});
}

TEST_F(ServiceTest, says_how_it_is) {
  auto anyone = client();
  EXPECT_EQ(ask(anyone, "GET", "/healthz").status, 200);
  EXPECT_EQ(ask(anyone, "GET", "/readyz").status, 200);
  const auto metrics = ask(anyone, "GET", "/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_NE(as_text(metrics.body).find("stele_segments_total "), std::string_view::npos);
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
