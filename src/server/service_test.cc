// A whole server on loopback, and a host that ships to it.
#include "server/service.h"

#include "server/test_service.h"

namespace stele::server {
namespace {

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

TEST_F(EnrolledHost, that_verified_another_root_is_a_finding) {
  auto own = own_client(), anyone = client();
  const auto key = ledger::load_verifier_key(files, layout.log_vkey()).value();
  wire::Heartbeat heartbeat;
  for (const auto end = patience();
       heartbeat.checkpoint_size == 0 && std::chrono::steady_clock::now() < end;) {
    const auto published = ask(anyone, "GET", "/log/checkpoint");
    const auto checkpoint = receipt::open_checkpoint(published.body, key).value();
    heartbeat.checkpoint_size = checkpoint.size;
    heartbeat.checkpoint_root = checkpoint.root;
  }
  // It is published before the server knows it again.
  const std::string covered = "stele_leaves_covered " + std::to_string(heartbeat.checkpoint_size);
  for (const auto end = patience(); std::chrono::steady_clock::now() < end;) {
    const auto metrics = ask(anyone, "GET", "/metrics");
    if (as_text(metrics.body).find(covered) != std::string_view::npos) break;
  }
  ask(own, "POST", "/v1/heartbeats", wire::encode(heartbeat), wire::kHeartbeatType);
  heartbeat.checkpoint_root[0] ^= 1;
  for (int i = 0; i < 3; ++i)
    ask(own, "POST", "/v1/heartbeats", wire::encode(heartbeat), wire::kHeartbeatType);
  EXPECT_EQ(rules_told(), std::vector<std::string>{"fork"});
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
