// What people with a token get of a server, and what its own stream says of that.
#include "server/reading.h"

#include "server/test_service.h"
#include "vault/local_vault.h"
#include "wire/hold.h"

namespace stele::server {
namespace {

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
  const vault::LocalVault vault(files, layout.vault());
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

/// What is asked of a hold, and what becomes of it.
class HoldsAtTheService : public PeopleAtTheService {
 protected:
  http::ClientResponse post(const std::string& token, const std::string& target,
                            std::string_view body) {
    auto anyone = client();
    http::ClientRequest request;
    request.method = "POST";
    request.target = target;
    request.content_type = "text/plain";
    request.body = as_bytes(body);
    request.headers.push_back({"authorization", "Bearer " + token});
    auto response = anyone.request(request);
    EXPECT_TRUE(response.has_value()) << response.error().message();
    return response ? *std::move(response) : http::ClientResponse();
  }
  wire::Hold hold_of(const http::ClientResponse& response) {
    EXPECT_EQ(response.status, 200) << as_text(response.body);
    auto hold = wire::parse_hold(as_text(response.body));
    EXPECT_TRUE(hold.has_value()) << as_text(response.body);
    return hold ? *hold : wire::Hold();
  }
  /// What the server's own stream says of holds in clear.
  std::pair<std::vector<segment::Hold>, std::vector<StreamId>> in_clear() {
    std::pair<std::vector<segment::Hold>, std::vector<StreamId>> out;
    const vault::LocalVault vault(files, layout.vault());
    const auto catalog = ledger::Catalog::read(vault).value();
    ledger::SegmentReader reader(vault);
    for (const auto& stream : catalog.streams()) {
      if (stream.kind != segment::Kind::kServer) continue;
      for (const auto& ref : stream.segments) {
        const Bytes bytes = reader.read(ref).value();
        const auto view = segment::parse_segment(bytes).value();
        if (view.manifest.empty()) continue;
        const auto manifest = segment::parse_manifest(view.manifest).value();
        out.first.insert(out.first.end(), manifest.holds.begin(), manifest.holds.end());
        out.second.insert(out.second.end(), manifest.released.begin(), manifest.released.end());
      }
    }
    return out;
  }
};

TEST_F(HoldsAtTheService, take_two_people_to_be_placed_and_to_be_released) {
  const StreamId id = record(10);
  const std::string ada = token_of("ada", {Role::kAuditor, Role::kApprover}),
                    bob = token_of("bob", {Role::kApprover}),
                    vic = token_of("vic", {Role::kVerifier});
  const std::string request = "stele-hold-v1\nsession\nstream " + to_string(id) + "\nfor case 7\n";
  EXPECT_EQ(post(bob, "/v1/holds", request).status, 403) << "an approver asks for nothing";
  EXPECT_EQ(post(ada, "/v1/holds", "stele-hold-v1\nsession\nfor case 7\n").status, 400);
  const wire::Hold asked = hold_of(post(ada, "/v1/holds", request));
  EXPECT_EQ(asked.state(), wire::Hold::Step::kAsked);
  EXPECT_TRUE(in_clear().first.empty()) << "nothing is held yet";
  const std::string at = "/v1/holds/" + to_string(asked.id);
  EXPECT_EQ(post(ada, at + "/approval", "").status, 403) << "not by who asked";
  EXPECT_EQ(post(ada, at + "/release", "why").status, 409) << "nothing is in force";
  const wire::Hold placed = hold_of(post(bob, at + "/approval", ""));
  EXPECT_EQ(placed.state(), wire::Hold::Step::kPlaced);
  EXPECT_EQ(in_clear().first, (std::vector<segment::Hold>{{.id = asked.id, .streams = {id}}}));
  EXPECT_EQ(post(bob, at + "/approval", "").status, 409);
  EXPECT_EQ(post(ada, at + "/release", "").status, 400) << "without a reason";
  EXPECT_EQ(hold_of(post(ada, at + "/release", "closed")).state(), wire::Hold::Step::kReleaseAsked);
  EXPECT_TRUE(in_clear().second.empty()) << "it is held until somebody else agrees";
  EXPECT_EQ(post(ada, at + "/approval", "").status, 403);
  stop();
  start();
  const wire::Hold released = hold_of(post(bob, at + "/approval", ""));
  EXPECT_EQ(released.state(), wire::Hold::Step::kReleased);
  EXPECT_EQ(in_clear().second, (std::vector<StreamId>{asked.id}));
  EXPECT_EQ(wire::parse_holds(as_text(get(bob, "/v1/holds").body)).value(),
            (std::vector<wire::Hold>{released}));
  EXPECT_EQ(get(vic, "/v1/holds").status, 403);
  EXPECT_EQ(post(bob, "/v1/holds/0197a3b2-0000-7000-8000-0000000000aa/approval", "").status, 404);
  std::vector<std::string> lines;
  for (const event::Body& body : all_told()) {
    const auto* change = std::get_if<event::Change>(&body);
    if (change != nullptr && change->what.starts_with("hold ")) lines.push_back(change->what);
  }
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0], "hold " + to_string(asked.id) + " asked by ada, on session " + to_string(id) +
                          ": case 7");
  EXPECT_EQ(lines[3],
            "hold " + to_string(asked.id) + " released by bob, on session " + to_string(id));
}

}  // namespace
}  // namespace stele::server
