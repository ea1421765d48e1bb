#include "server/reading.h"

#include <algorithm>

#include "base/hex.h"
#include "codec/json.h"
#include "http/gate.h"
#include "ledger/keys.h"
#include "ledger/vault_tiles.h"
#include "merkle/tree.h"
#include "policy/policy.h"
#include "receipt/proof.h"
#include "receipt/text.h"
#include "server/posture.h"
#include "server/registry.h"
#include "wire/keys.h"

namespace stele::server {
namespace {

using http::Reply;
using http::Request;
using http::Response;
using http::text_response;

constexpr std::string_view kBearer = "Bearer ";
constexpr size_t kPurposeMax = 16, kSessionsDefault = 100, kSessionsMax = 1000, kPathMax = 100,
                 kCheckpointBytesMax = size_t{64} << 10, kKeysBytesMax = size_t{4} << 20,
                 kListBytesMax = size_t{64} << 10, kNoteBytesMax = size_t{64} << 10;
constexpr Micros kLookEvery = std::chrono::seconds(1);
constexpr int kLooksAreRare = 50;  // looking takes at most so much of the time: one in fifty
constexpr int kProofTries = 4;

Response json_response(std::string_view text) {
  const ByteSpan bytes = as_bytes(text);
  return {
      200, "application/json", Bytes(bytes.begin(), bytes.end()), {{"cache-control", "no-store"}}};
}

void write_heard(codec::JsonWriter& json, const Heartbeats::Heard& heard) {
  const wire::Heartbeat& said = heard.heartbeat;
  json.begin_object().key("received").text(rfc3339(heard.received));
  json.key("sessions").number(said.sessions).key("open").number(said.open);
  json.key("excluded").number(said.excluded).key("lost").number(said.lost);
  json.key("waiting").number(said.waiting).key("waiting_bytes").number(said.waiting_bytes);
  json.key("terminals");
  if (const auto& terminals = said.terminals) {
    json.begin_object().key("seen").number(terminals->seen).key("covered");
    json.number(terminals->covered).key("unrecorded").number(terminals->unrecorded).end_object();
  } else {
    json.null();
  }
  json.end_object();
}

Response plain_response(const std::string& text) {
  Response response = text_response(200, text);
  response.body = Bytes(text.begin(), text.end());
  response.headers.push_back({"cache-control", "no-store"});
  return response;
}

Response error_response(const Error& error) {
  switch (error.code) {
    case Code::kInvalid:
      return text_response(400, error.message());
    case Code::kNotFound:
      return text_response(404, "nothing here by that name");
    case Code::kPermission:
      return text_response(403, error.message());
    case Code::kConflict:
      return text_response(409, error.message());
    case Code::kBusy: {
      Response later = text_response(503, error.message());
      later.headers.push_back({"retry-after", "1"});
      return later;
    }
    default:
      return text_response(503, "not now; try again");  // what failed here is nobody else's
  }
}

Result<uint64_t> number(const Request& request, std::string_view key, uint64_t fallback,
                        uint64_t max) {
  const auto found = request.query.find(key);
  if (found == request.query.end()) return fallback;
  const auto value = receipt::parse_decimal(found->second, max);
  if (!value) return fail(Code::kInvalid, std::string(key) + ": a decimal number is wanted");
  return *value;
}

/// A claim, of a few letters; anything else is none.
std::string purpose_of(const Request& request) {
  const auto found = request.query.find("for");
  if (found == request.query.end() || found->second.size() > kPurposeMax) return {};
  const bool is_word = std::all_of(found->second.begin(), found->second.end(),
                                   [](char c) { return c >= 'a' && c <= 'z'; });
  return is_word ? found->second : std::string();
}

std::string peer_of(const Request& request) { return http::peer_of_address(request.peer.address); }

Result<std::string> make_proof(const vault::Vault& vault, const receipt::VerifierKey& log_key,
                               uint64_t index) {
  TRY(const Bytes note, vault.get("checkpoint", kCheckpointBytesMax));
  TRY(const auto checkpoint, receipt::open_checkpoint(note, log_key));
  if (index >= checkpoint.size) return fail(Code::kNotFound, "no leaf is covered there");
  ledger::VaultTiles tiles(vault);
  TRY(auto proof, merkle::inclusion_proof(tiles, index, checkpoint.size));
  const uint64_t bundle = index / merkle::kTileWidth;
  const uint64_t width =
      std::min<uint64_t>(merkle::kTileWidth, checkpoint.size - bundle * merkle::kTileWidth);
  TRY(auto entries,
      merkle::read_bundle(tiles, {merkle::kEntries, bundle, static_cast<uint16_t>(width)}));
  return encode(receipt::Receipt{std::move(entries[index % merkle::kTileWidth]), index,
                                 std::move(proof), std::string(as_text(note))});
}

}  // namespace

Reading::Reading(Parts parts)
    : parts_(std::move(parts)),
      index_(parts_.vault, parts_.leaves),
      holds_(parts_.files, parts_.layout) {
  house_ = std::thread([this] { keep_house(); });
}

Reading::~Reading() { stop(); }

void Reading::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (house_.joinable()) house_.join();
}

// Not thrown away where they cannot be read: who was known a second ago still is.
std::vector<Person> Reading::people() {
  const std::lock_guard lock(people_mutex_);
  const BootTime now = parts_.clock.boot();
  if (now < people_due_) return people_;
  if (auto read = all_people(parts_.files, parts_.layout)) people_ = *std::move(read);
  const BootTime then = parts_.clock.boot();
  people_due_ = then + std::max<Micros>(kLookEvery, (then - now) * kLooksAreRare);
  return people_;
}

void Reading::tell(event::Asked asked) {
  {
    const std::lock_guard lock(mutex_);
    if (!repeats_.is_new(asked, parts_.clock.boot())) return;
    repeats_.settle(asked, true);
  }
  parts_.own.tell(std::move(asked));
}

void Reading::found(event::Finding finding) { parts_.own.tell(std::move(finding)); }

void Reading::refused(const Request& request, const std::string& person, const std::string& token) {
  event::Asked asked;
  asked.kind = event::Asked::Kind::kRefusal;
  asked.person = person;
  asked.token = token;
  asked.peer = peer_of(request);
  asked.what = request.method + " " + request.path.substr(0, kPathMax);
  tell(std::move(asked));
}

// All who are not let in hear the same.
tl::expected<Caller, Response> Reading::identify(const Route& route, const Request& request) {
  const std::string peer = peer_of(request);
  const BootTime now = parts_.clock.boot();
  bool is_allowed = true;
  {
    const std::lock_guard lock(mutex_);
    is_allowed = failures_.allows(peer, now);
  }
  if (!is_allowed) {
    refused(request, "", "");
    Response slow = text_response(429, "too many refusals; try again later");
    slow.headers.push_back({"retry-after", "6"});
    return tl::unexpected(std::move(slow));
  }
  const std::string* given = request.header("authorization");
  std::optional<Caller> caller;
  if (given != nullptr && given->starts_with(kBearer))
    caller =
        find_caller(people(), std::string_view(*given).substr(kBearer.size()), parts_.clock.wall());
  if (!caller) {
    {
      const std::lock_guard lock(mutex_);
      failures_.failed(peer, now);
    }
    refused(request, "", "");
    Response response = text_response(401, "a token that is good is wanted");
    response.headers.push_back({"www-authenticate", "Bearer"});
    return tl::unexpected(std::move(response));
  }
  if (!may(caller->roles, *route.action)) {
    refused(request, caller->name, caller->token_id);
    return tl::unexpected(text_response(403, "your roles do not open this"));
  }
  bool is_visit = false;
  {
    const std::lock_guard lock(mutex_);
    is_visit = visits_.is_new(caller->token_id, peer, now);
  }
  if (is_visit) {
    event::Asked login;
    login.kind = event::Asked::Kind::kLogin;
    login.person = caller->name;
    login.token = caller->token_id;
    login.peer = peer;
    parts_.own.tell(std::move(login));
  }
  return *std::move(caller);
}

void Reading::answer(const Route& route, std::string_view part, const Request& request,
                     const Reply& reply) {
  auto caller = identify(route, request);
  if (!caller) return void(reply.send(std::move(caller).error()));
  if (request.method == "POST") return answer_hold(route, part, request, *caller, reply);
  auto made = make(route, part, request);
  if (!made) return void(reply.send(error_response(made.error())));
  made->asked.person = caller->name;
  made->asked.token = caller->token_id;
  made->asked.peer = peer_of(request);
  made->asked.what = route.what;
  made->asked.purpose = purpose_of(request);
  if (!made->is_told) return void(reply.send(std::move(made->response)));
  send_told(*std::move(made), reply);
}

void Reading::send_told(Answer answer, const Reply& reply) {
  {
    const std::lock_guard lock(mutex_);
    if (!repeats_.is_new(answer.asked, parts_.clock.boot()))
      return void(reply.send(std::move(answer.response)));
  }
  const auto shared = std::make_shared<Answer>(std::move(answer));
  const auto settle = [this, shared, reply](const Status& told) {
    {
      const std::lock_guard lock(mutex_);
      repeats_.settle(shared->asked, told.has_value());
    }
    reply.send(told ? std::move(shared->response)
                    : text_response(503, "nothing can be written down now; try again"));
  };
  if (!parts_.own.tell(shared->asked, settle)) settle(fail(Code::kBusy, "too much waits"));
}

Result<Reading::Answer> Reading::make(const Route& route, std::string_view part,
                                      const Request& request) {
  switch (route.id) {
    case RouteId::kSessions:
      return sessions(request);
    case RouteId::kSegments:
    case RouteId::kFacts:
    case RouteId::kFronts:
    case RouteId::kLeaves:
      return records(route, part, request);
    case RouteId::kTail:
      return tail(part);
    case RouteId::kHosts:
      return hosts();
    case RouteId::kProof:
      return proof(request);
    case RouteId::kKeys:
      return keys();
    case RouteId::kPredecessor:
      return predecessor();
    case RouteId::kPolicies:
      return policies();
    case RouteId::kAbsent:
      return absent();
    case RouteId::kHolds:
      return holds();
    default:
      return fail(Code::kNotFound, "no route of this kind");
  }
}

Result<Reading::Answer> Reading::sessions(const Request& request) {
  TRY(const uint64_t from, number(request, "leaf", 0, merkle::kSizeMax));
  TRY(const uint64_t limit, number(request, "limit", kSessionsDefault, kSessionsMax));
  TRY_VOID(index_.catch_up());
  const auto found = index_.sessions(from, std::max<uint64_t>(1, limit));
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("sessions").begin_array();
  for (const StreamFacts& each : found) {
    json.begin_object().key("session").text(to_string(each.id));
    json.key("host").text(parts_.host_of(each.owner));
    json.key("first").text(rfc3339(each.first)).key("last").text(rfc3339(each.last));
    json.key("closed")
        .boolean(each.closed)
        .key("cut")
        .boolean(each.cut)
        .key("segments")
        .number(each.segments);
    json.key("bytes").number(each.bytes).key("leaf").number(each.opened_at).end_object();
  }
  json.end_array().key("next");
  found.size() < std::max<uint64_t>(1, limit) ? json.null()
                                              : json.number(found.back().opened_at + 1);
  json.end_object();
  return Answer{json_response(text + "\n"), {}};
}

Result<Reading::Answer> Reading::records(const Route& route, std::string_view part,
                                         const Request& request) {
  const bool by_leaf = route.id == RouteId::kLeaves || route.id == RouteId::kFronts;
  const bool is_whole = route.id == RouteId::kLeaves || route.id == RouteId::kSegments;
  const Part wanted = is_whole ? Part::kWhole : Part::kFront;
  TRY(const uint64_t from, number(request, by_leaf ? "leaf" : "from", 0, merkle::kSizeMax));
  TRY_VOID(index_.catch_up());
  Answer answer;
  StreamIndex::Records found;
  if (by_leaf) {
    TRY(found, index_.of_ledger(from, wanted));
  } else {
    const auto id = parse_stream_id(part);
    if (!id) return fail(Code::kNotFound, "no such stream");
    answer.asked.stream = *id;
    TRY(found, index_.of_stream(*id, from, wanted));
  }
  answer.asked.first = found.first;
  answer.asked.next = found.next;
  answer.is_told = found.next > found.first;
  answer.response = {
      200, std::string(wire::kRecordsType), std::move(found.body), {{"cache-control", "no-store"}}};
  return answer;
}

Result<Reading::Answer> Reading::tail(std::string_view part) {
  const auto id = parse_stream_id(part);
  if (!id) return fail(Code::kNotFound, "no such stream");
  TRY_VOID(index_.catch_up());
  const auto facts = index_.find(*id);
  if (!facts) return fail(Code::kNotFound, "no such stream");
  TRY(const auto last, index_.of_stream(*id, facts->segments - 1, Part::kFront));
  TRY(const auto records, wire::parse_records(last.body));
  const segment::Leaf& leaf = records.front().leaf;
  Answer answer;
  answer.asked.stream = *id;
  answer.response = plain_response(
      "stele-tail-v1\n" + to_string(*id) + "\n" + std::to_string(leaf.sequence + 1) + "\n" +
      to_hex(leaf.segment_hash) + "\n" + (leaf.has(segment::kClose) ? "closed" : "open") + "\n");
  return answer;
}

Result<Reading::Answer> Reading::hosts() {
  TRY(const auto all, all_hosts(parts_.files, parts_.layout));
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("hosts").begin_array();
  for (const Host& host : all) {
    json.begin_object().key("host").text(host.name);
    json.key("enrolled").text(rfc3339(host.enrolled)).key("revoked");
    host.revoked ? json.text(rfc3339(*host.revoked)) : json.null();
    json.key("heard");
    if (const auto heard = parts_.heard(host.name)) {
      write_heard(json, *heard);
    } else {
      json.null();
    }
    json.end_object();
  }
  json.end_array().end_object();
  return Answer{json_response(text + "\n"), {}};
}

// Partial tiles of a checkpoint go two checkpoints later: perhaps while they are read.
Result<Reading::Answer> Reading::proof(const Request& request) {
  TRY(const uint64_t index, number(request, "leaf", UINT64_MAX, merkle::kSizeMax));
  if (index == UINT64_MAX) return fail(Code::kInvalid, "leaf: which one?");
  TRY(const auto log_key, ledger::load_verifier_key(parts_.files, parts_.layout.log_vkey()));
  Result<std::string> proof = fail(Code::kBusy, "");
  for (int tries = 0; !proof && tries < kProofTries; ++tries)
    proof = make_proof(parts_.vault, log_key, index);
  if (!proof) return fail(std::move(proof).error());
  Answer answer;
  answer.asked.first = index;
  answer.asked.next = index + 1;
  answer.response = plain_response(*proof);
  return answer;
}

Result<Reading::Answer> Reading::keys() {
  TRY(const auto log_key, ledger::load_verifier_key(parts_.files, parts_.layout.log_vkey()));
  TRY(const auto policy_key, ledger::load_verifier_key(parts_.files, parts_.layout.policy_vkey()));
  TRY(Bytes list, parts_.files.read(parts_.layout.recipients(), kListBytesMax));
  TRY(const Bytes hosts, parts_.files.read(parts_.layout.host_vkey(), kKeysBytesMax));
  return Answer{
      plain_response(wire::encode(wire::LogKeys{log_key.to_string(), policy_key.to_string(),
                                                std::move(list), std::string(as_text(hosts))})),
      {}};
}

// As it is: who believes it is the reader's.
Result<Reading::Answer> Reading::predecessor() {
  const auto note = parts_.files.read(parts_.layout.predecessor(), kNoteBytesMax);
  if (!note && note.error().code != Code::kNotFound) return fail(note.error());
  return Answer{plain_response(note ? std::string(as_text(*note)) : std::string()), {}};
}

// The policies that were believed here, each in base64 on a line of its own.
Result<Reading::Answer> Reading::policies() {
  std::string text = "stele-policies-v1\n";
  const auto names = parts_.files.list(parts_.layout.kept_policies());
  if (!names && names.error().code != Code::kNotFound) return fail(names.error());
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    TRY(const Bytes note,
        parts_.files.read(parts_.layout.kept_policies() + "/" + name, policy::kPolicyBytesMax));
    text += to_base64(note) + "\n";
  }
  return Answer{plain_response(text), {}};
}

Result<Reading::Answer> Reading::absent() {
  TRY_VOID(index_.catch_up());
  std::string text = "stele-absent-v1\n";
  for (const segment::LeafRange& range : index_.absent())
    text += std::to_string(range.first) + " " + std::to_string(range.next) + "\n";
  return Answer{plain_response(text), {}};
}

namespace {

Response hold_response(const std::string& text) {
  Response response = plain_response(text);
  response.content_type = wire::kHoldType;
  return response;
}

}  // namespace

Result<Reading::Answer> Reading::holds() {
  TRY(const auto all, holds_.all());
  std::string text;
  for (const Hold& hold : all) text += wire::encode(hold);
  return Answer{hold_response(text), {}};
}

// The hold as it will be.
Result<Hold> Reading::change_hold(const Route& route, std::string_view part, const Request& request,
                                  const Caller& caller) {
  const WallTime now = parts_.clock.wall();
  if (route.id == RouteId::kAskHold) {
    TRY(wire::HoldRequest asked, wire::parse_hold_request(as_text(request.body)));
    asked.hold.id = make_uuid_v7(now, parts_.random);
    asked.hold.steps = {{caller.name, now, asked.why}};
    return std::move(asked.hold);
  }
  const auto id = parse_stream_id(part);
  if (!id) return fail(Code::kNotFound, "no such hold");
  TRY(Hold hold, holds_.find(*id));
  if (route.id == RouteId::kApproveHold) return Holds::approved(std::move(hold), caller.name, now);
  return Holds::release_asked(std::move(hold), caller.name, now,
                              std::string(as_text(request.body)));
}

// In the stream first, and in clear where it comes into force or ends; then in the file.
void Reading::answer_hold(const Route& route, std::string_view part, const Request& request,
                          const Caller& caller, const Reply& reply) {
  const auto changed = change_hold(route, part, request, caller);
  if (!changed) return void(reply.send(error_response(changed.error())));
  event::Asked asked;
  asked.kind = event::Asked::Kind::kAccess;
  asked.person = caller.name;
  asked.token = caller.token_id;
  asked.peer = peer_of(request);
  asked.what = route.what;
  asked.purpose = purpose_of(request);
  const Hold::Taken& last = changed->steps.back();
  event::Change line{"hold " + to_string(changed->id) + " " +
                     std::string(wire::step_name(changed->state())) + " by " + last.by + ", on " +
                     changed->about() + (last.why.empty() ? "" : ": " + last.why)};
  OwnStream::Marks marks;
  if (changed->state() == Hold::Step::kPlaced) marks.holds = {changed->in_clear()};
  if (changed->state() == Hold::Step::kReleased) marks.released = {changed->id};
  const auto settle = [this, hold = *changed, reply](const Status& told) {
    const Status kept = told ? holds_.store(hold) : told;
    if (!kept)
      return void(reply.send(text_response(503, "nothing can be written down now; try again")));
    reply.send(hold_response(wire::encode(hold)));
  };
  const bool is_in_clear = !marks.holds.empty() || !marks.released.empty();
  const bool is_taken =
      is_in_clear ? parts_.own.mark(std::move(marks), {std::move(asked), std::move(line)}, settle)
                  : parts_.own.tell(std::move(asked)) && parts_.own.tell(std::move(line), settle);
  if (!is_taken) settle(fail(Code::kBusy, "too much waits"));
}

void Reading::tell_changes() {
  const BootTime began = parts_.clock.boot();
  if (began < posture_due_) return;
  const auto before = load_posture(parts_.files, parts_.layout);
  auto after = read_posture(parts_.files, parts_.layout, parts_.server);
  const BootTime now = parts_.clock.boot();
  posture_due_ = now + std::max<Micros>(kLookEvery, (now - began) * kLooksAreRare);
  if (!before || !after) return;
  const Lines told = changes(*before, *after);
  if (told.empty()) return;
  for (size_t i = 0; i + 1 < told.size(); ++i)
    if (!parts_.own.tell(event::Change{told[i]})) return;  // all of it once more, later
  const auto kept = std::make_shared<Lines>(*std::move(after));
  // What a stream says is committed in order: the last stands for all.
  (void)parts_.own.tell(event::Change{told.back()}, [this, kept](const Status& status) {
    if (status) (void)store_posture(parts_.files, parts_.layout, *kept);
  });
  posture_due_ += kLookEvery;  // until that is so
}

void Reading::keep_house() {
  for (;;) {
    tell_changes();
    std::unique_lock lock(mutex_);
    const bool is_last = stop_.wait_for(lock, kLookEvery, [&] { return stopping_; });
    const auto due = is_last ? repeats_.take_all() : repeats_.take_due(parts_.clock.boot());
    lock.unlock();
    for (const event::Asked& asked : due) parts_.own.tell(asked);
    if (is_last) return;
  }
}

}  // namespace stele::server
