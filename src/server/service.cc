#include "server/service.h"

#include "http/gate.h"
#include "merkle/tile.h"
#include "server/answers.h"
#include "wire/enrolment.h"
#include "wire/heartbeat.h"

namespace stele::server {
namespace {

using http::Reply;
using http::Request;
using http::Response;
using http::text_response;

constexpr auto kPublishEvery = std::chrono::seconds(1);
constexpr Micros kKnownFor = std::chrono::seconds(1);
constexpr std::string_view kLog = "/log/";
constexpr size_t kHoldBytesMax = size_t{128} << 10;

std::string line(std::string_view name, uint64_t value) {
  return std::string(name) + " " + std::to_string(value) + "\n";
}

}  // namespace

Service::Service(os::FileSystem& files, ledger::Layout layout, Clock& clock, RandomSource random,
                 std::string origin, Authority authority)
    : files_(files),
      layout_(std::move(layout)),
      clock_(clock),
      random_(std::move(random)),
      origin_(std::move(origin)),
      authority_(std::move(authority)),
      registry_(files, layout_, origin_, clock, random_) {}

Result<std::unique_ptr<Service>> Service::open(os::FileSystem& files, const ledger::Layout& layout,
                                               Clock& clock, RandomSource random,
                                               ServiceOptions options) {
  TRY(const auto policy_key, ledger::load_verifier_key(files, layout.policy_vkey()));
  TRY(std::string origin, ledger::first_origin(policy_key));
  TRY(auto authority, Authority::open(files, layout, clock, random));
  std::unique_ptr<Service> service(new Service(files, layout, clock, std::move(random),
                                               std::move(origin), std::move(authority)));
  TRY_VOID(service->start(std::move(options)));
  return service;
}

Status Service::start(ServiceOptions options) {
  storage_ = options.storage ? std::move(options.storage)
                             : std::make_unique<DirectoryStorage>(files_, layout_, clock_);
  TRY(auto writer, storage_->open_ledger());
  TRY_VOID(writer->sync());
  TRY(publisher_, storage_->open_ledger());
  TRY_VOID(publisher_->publish_through(writer->size()));
  TRY(lists_, ledger::RecipientsStore::open(files_, layout_));
  TRY(policies_, ledger::PolicyStore::open(files_, layout_));
  (void)policies_->refresh();  // looked at again every second, and told
  policy_ = policies_->current();
  writer->set_retention_rule([this](uint8_t retention_class, WallTime received) {
    return retain_until(retention_class, received);
  });
  TRY_VOID(remember_published());
  finder_.emplace(storage_->vault(), writer->size());
  TRY(const auto enrolled, ledger::HostKeys::load(files_, layout_.host_vkey()));
  TRY_VOID(keys_->read(enrolled, *writer));
  writer->set_owner_rule(logsrv::same_host([this] {
    const std::lock_guard lock(mutex_);
    return admission_;
  }));
  ledger::Ledger& ledger = *writer;
  sequencer_.emplace(std::move(writer), logsrv::SequencerOptions());
  sequencer_watch_.emplace(sequencer_->pulse(), kStepMax);
  publisher_watch_.emplace(publishing_, kStepMax);
  ingest_ = std::make_unique<logsrv::Ingest>(
      *sequencer_, *finder_,
      [this](std::function<void()> work) { return workers_->post(std::move(work)); },
      [this](const std::string& host, const StreamId& stream, uint32_t sequence,
             const wire::Refused& why) { tell_of_refusal(host, stream, sequence, why); });
  TRY_VOID(admit());
  workers_ = std::make_unique<Workers>(options.workers, options.waiting_max);
  // The ledger is the sequencer's, whose thread is yet to begin.
  TRY(own_, OwnStream::open(
                files_, layout_, clock_, random_, ledger,
                [this] { return ledger::sealing_of(recipients()); },
                [this](std::vector<ledger::Incoming> segments, auto done) {
                  return sequencer_->submit(std::move(segments), std::move(done));
                }));
  reading_ = std::make_unique<Reading>(Reading::Parts{
      files_, layout_, storage_->vault(), clock_, *own_, options.configuration, ledger.size(),
      random_, [this](const segment::HostKeyId& key) { return host_of(key); },
      [this](const std::string& host) { return heartbeats_->last(host); }});
  silences_.emplace(reading_->streams(), *own_,
                    [this](const segment::HostKeyId& key) { return host_of(key); });
  TRY_VOID(await_heartbeats(options.silent_after));
  sequencer_->start();
  storage_->start(*own_);
  publisher_thread_ = std::thread([this] { publish_until_stopped(); });
  if (options.scrub_every.count() > 0) {
    TRY(auto log, ledger::load_verifier_key(files_, layout_.log_vkey()));
    scrubber_.emplace(files_, layout_, std::move(log), clock_, *own_, options.scrub_every);
  }
  return {};
}

Service::~Service() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (reading_) reading_->stop();
  scrubber_.reset();
  if (storage_) storage_->stop();
  if (own_) own_->close();
  if (publisher_thread_.joinable()) publisher_thread_.join();
  sequencer_.reset();  // answers what waits, perhaps by way of the workers
  workers_.reset();
}

// What hosts may send from now on.
Status Service::admit() {
  const std::lock_guard alone(admit_mutex_);
  return admit_locked();
}

Status Service::admit_locked() {
  TRY(auto hosts, ledger::HostKeys::load(files_, layout_.host_vkey()));
  auto admission = std::make_shared<const logsrv::Admission>(
      logsrv::Admission{origin_, std::move(hosts), lists_->known(), keys_});
  ingest_->admit(admission);
  const std::lock_guard lock(mutex_);
  admission_ = std::move(admission);
  recipients_ = lists_->current();
  return {};
}

// Somebody may have put a new list there. Hosts hear of it only once what they seal for it is
// taken.
void Service::look_at_recipients() {
  const std::lock_guard alone(admit_mutex_);
  const auto before = lists_->current();
  const size_t known = lists_->known().size();
  Status looked = lists_->refresh();
  if (lists_->current() != before || lists_->known().size() != known) {
    const Status admitted = admit_locked();
    if (!admitted) looked = admitted;
  }
  const std::string what = looked ? "" : looked.error().message();
  if (std::exchange(told_of_list_, what) == what || looked) return;
  reading_->found({"recipients-list",
                   "the list there is not taken, the one before stays in force: " + what,
                   {},
                   {}});
}

// Without a policy that has the class: for ever.
uint32_t Service::retain_until(uint8_t retention_class, WallTime received) const {
  const std::lock_guard lock(mutex_);
  return policy_ ? ledger::retain_until(policy_->policy, retention_class, received) : 0;
}

// Somebody may have put another policy there.
void Service::look_at_policy() {
  const Status looked = policies_->refresh();
  {
    const std::lock_guard lock(mutex_);
    policy_ = policies_->current();
  }
  const std::string what = looked ? "" : looked.error().message();
  if (std::exchange(told_of_policy_, what) == what || looked) return;
  reading_->found(
      {"policy", "the policy there is not taken, the one before holds: " + what, {}, {}});
}

std::shared_ptr<const ledger::SignedRecipients> Service::recipients() const {
  const std::lock_guard lock(mutex_);
  return recipients_;
}

void Service::publish_until_stopped() {
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, kPublishEvery, [&] { return stopping_; })) {
    lock.unlock();
    Status published;
    {
      const Pulse::Step at_work(publishing_);
      published = publisher_->publish_if_due();
      if (published) published = remember_published();
    }
    heartbeats_->look();
    look_at_recipients();
    look_at_policy();
    lock.lock();
    const bool is_passing = !published && (published.error().code == Code::kNoSpace ||
                                           published.error().code == Code::kBusy);
    publishing_trouble_ = is_passing ? std::optional(published.error()) : std::nullopt;
    if (!published && !is_passing) {
      publishing_failed_ = published.error();
      return;
    }
  }
}

Status Service::remember_published() {
  const uint64_t published = publisher_->published();
  if (covered_.exchange(published) == published) return {};
  TRY(const auto checkpoint, publisher_->checkpoint());
  if (checkpoint) checkpoints_.add(*checkpoint);
  return {};
}

std::optional<Error> Service::failure() const {
  if (auto failed = sequencer_->failure()) return failed;
  const std::lock_guard lock(mutex_);
  return publishing_failed_;
}

std::string_view Service::stuck() {
  const BootTime now = clock_.boot();
  const bool sequencer = sequencer_watch_->is_stuck(now),
             publisher = publisher_watch_->is_stuck(now);
  if (sequencer) return "sequencer";
  return publisher ? "publisher" : "";
}

size_t Service::body_bytes_for(const Request& head) {
  if (head.method != "POST") return 0;
  if (head.path == "/v1/segments") return wire::kRequestBytesMax;
  if (head.path == "/v1/heartbeats") return wire::kHeartbeatBytesMax;
  if (head.path.starts_with("/v1/holds")) return kHoldBytesMax;
  if (head.path == "/v1/certificates") return wire::kEnrolmentBytesMax;
  return head.path == "/v1/enroll" ? wire::kEnrolmentBytesMax : 0;
}

void Service::handle(Request request, Reply reply) {
  const auto route = find_route(request.method, request.path);
  if (!route) return void(reply.send(text_response(404, "nothing here by that method and name")));
  if (route->route->door == Door::kToken) return read(*route, std::move(request), std::move(reply));
  if (route->route->id == RouteId::kRenew) return renew(std::move(request), std::move(reply));
  if (route->route->id == RouteId::kHeartbeat)
    return take_heartbeat(std::move(request), std::move(reply));
  if (route->route->id == RouteId::kRecipients)
    return give_recipients(std::move(request), std::move(reply));
  const bool is_get = request.method == "GET" || request.method == "HEAD";
  if (request.path == "/v1/segments" && request.method == "POST")
    return take_segments(std::move(request), std::move(reply));
  if (request.path == "/v1/enroll" && request.method == "POST")
    return enrol(std::move(request), std::move(reply));
  if (is_get && request.path.starts_with(kLog)) {
    reply.send(log_file(request));
  } else if (is_get && request.path == "/healthz") {
    reply.send(text_response(200, "alive"));
  } else if (is_get && request.path == "/readyz") {
    reply.send(health());
  } else if (is_get && request.path == "/metrics") {
    reply.send(metrics());
  } else {
    reply.send(text_response(404, "there is nothing here by that method and name"));
  }
}

void Service::read(const FoundRoute& found, Request request, Reply reply) {
  const Route* const route = found.route;
  const bool has_room =
      workers_->post([this, route, part = std::string(found.part), request = std::move(request),
                      reply] { reading_->answer(*route, part, request, reply); });
  if (!has_room) reply.send(text_response(503, "too much waits; try again"));
}

// From the certificate, never from what is said.
Result<std::string> Service::known_host(const Request& request) const {
  std::string host(request.peer.host());
  if (host.empty() || request.peer.is_expired) return fail(no_host());
  TRY_VOID(check_known(host));
  return host;
}

Status Service::check_known(const std::string& host) const {
  const BootTime now = clock_.boot();
  {
    const std::lock_guard lock(known_mutex_);
    if (const auto found = known_.find(host); found != known_.end() && now < found->second.until)
      return found->second.status;
  }
  Status status;
  {
    const std::lock_guard lock(registry_mutex_);
    const auto known = registry_.find(host);
    if (!known && known.error().code != Code::kNotFound) return fail(known.error());
    if (!known || known->revoked) status = fail(no_host());
  }
  const std::lock_guard lock(known_mutex_);
  known_.insert_or_assign(host, Known{now + kKnownFor, status});
  return status;
}

// As the ledger names its own host, with its whole key's name; an enrolled one by its own.
std::string Service::host_of(const segment::HostKeyId& key) const {
  std::shared_ptr<const logsrv::Admission> admission;
  {
    const std::lock_guard lock(mutex_);
    admission = admission_;
  }
  std::string name = admission->keys->host_of(key);
  for (const auto& entry : admission->hosts.entries())
    if (entry.id == key) name = entry.name;
  const std::string start = ledger::host_key_name(origin_, "");
  return name.starts_with(start) ? name.substr(start.size()) : name;
}

void Service::tell_of_host(const Request& request, const std::string& host, std::string_view what) {
  event::Asked asked;
  asked.person = "host:" + host;
  asked.peer = http::peer_of_address(request.peer.address);
  asked.what = what;
  reading_->tell(std::move(asked));
}

// A host that does wrong all day does not fill the stream.
void Service::found_of(const std::string& host, event::Finding finding) {
  {
    const std::lock_guard lock(found_mutex_);
    const BootTime now = clock_.boot();
    if (!found_.allows(host, now)) return;
    found_.failed(host, now);
  }
  reading_->found(std::move(finding));
}

// What no honest host sends: the rest is order, and a matter of time.
void Service::tell_of_refusal(const std::string& host, const StreamId& stream, uint32_t sequence,
                              const wire::Refused& why) {
  const bool is_conflict = why.code == wire::Refusal::kConflict;
  const bool is_foreign = why.code == wire::Refusal::kNotYours;
  if (!is_conflict && !is_foreign && why.code != wire::Refusal::kBadSignature) return;
  const std::string what = host + " sent a segment that is refused: " + why.reason;
  if (is_conflict) return found_of(host, event::Finding{"conflict", what, stream, sequence});
  if (is_foreign) return found_of(host, event::Finding{"foreign-stream", what, stream, sequence});
  found_of(host, event::Finding{"bad-signature",
                                what + " (a host that was restored from an older copy of its disk "
                                       "has to be enrolled anew)",
                                stream, sequence});
}

void Service::take_segments(Request request, Reply reply) {
  const bool has_room = workers_->post([this, request = std::move(request), reply]() mutable {
    const auto host = known_host(request);
    if (!host) {
      reply.send(error_response(host.error()));
    } else if (!is_type(request, wire::kSegmentsType)) {
      reply.send(text_response(415, "Content-Type: " + std::string(wire::kSegmentsType)));
    } else {
      heartbeats_->heard(*host);
      ingest_->take(*host, std::move(request.body), [reply](auto answers) {
        reply.send(answers ? bytes_response(wire::kSegmentsType, wire::encode(*answers))
                           : error_response(answers.error()));
      });
    }
  });
  if (!has_room) reply.send(text_response(503, "too much waits; try again"));
}

void Service::take_heartbeat(Request request, Reply reply) {
  const bool has_room = workers_->post([this, request = std::move(request), reply] {
    auto answer = heartbeat_now(request);
    reply.send(answer ? bytes_response(wire::kHeartbeatType, *std::move(answer))
                      : error_response(answer.error()));
  });
  if (!has_room) reply.send(text_response(503, "too much waits; try again"));
}

Result<Bytes> Service::heartbeat_now(const Request& request) {
  TRY(const std::string host, known_host(request));
  if (!is_type(request, wire::kHeartbeatType))
    return fail(Code::kInvalid, "Content-Type: " + std::string(wire::kHeartbeatType));
  TRY(const auto heartbeat, wire::parse_heartbeat(request.body));
  heartbeats_->take(host, heartbeat);
  doubt_checkpoint(host, heartbeat);
  return wire::encode(wire::HeartbeatAnswer{clock_.wall(), recipients()->hash()});
}

// Every host watches the server; and the server hears when one saw another log than this.
void Service::doubt_checkpoint(const std::string& host, const wire::Heartbeat& heartbeat) {
  using Found = CheckpointMemory::Found;
  const uint64_t size = heartbeat.checkpoint_size;
  const Found found = checkpoints_.look(size, heartbeat.checkpoint_root);
  if (!checkpoints_.is_to_be_told(host, size, found)) return;
  const std::string of = host + " verified a checkpoint of " + std::to_string(size) + " leaves ";
  found_of(host, found == Found::kBeyond
                     ? event::Finding{"rolled-back", of + "and this log has fewer", {}, {}}
                     : event::Finding{"fork", of + "with another root than this log's", {}, {}});
}

// Every host that may come is waited for: one that never comes back is silent too.
Status Service::await_heartbeats(Micros silent_after) {
  heartbeats_.emplace(clock_, silent_after, [this](const Heartbeats::Silence& silence) {
    return tell_of_silence(silence);
  });
  const std::lock_guard lock(registry_mutex_);
  TRY(const auto hosts, registry_.all());
  for (const Host& host : hosts)
    if (!host.revoked) heartbeats_->expect(host.name);
  return {};
}

// Of a revoked host nothing is taken any more: its streams are cut, and nobody waits for it.
Status Service::tell_of_silence(const Heartbeats::Silence& silence) {
  using What = Heartbeats::Silence::What;
  switch (silence.what) {
    case What::kFirst:
      return silences_->is_heard_first(silence.host);
    case What::kOver:
      return silences_->is_over(silence.host, silence.since);
    case What::kFallen:
      TRY_VOID(silences_->fell(silence.host, silence.since));
      if (!check_known(silence.host)) heartbeats_->forget(silence.host);
  }
  return {};
}

Response Service::log_file(const Request& request) const {
  const std::string name = request.path.substr(kLog.size());
  const bool is_checkpoint = name == "checkpoint";
  const auto tile = merkle::parse_tile_path(name);
  if (!is_checkpoint && !tile) return text_response(404, "no such file in the log");
  auto bytes = storage_->vault().get(name, merkle::kTileWidth * (2 + segment::kLeafBytes));
  if (!bytes && bytes.error().code != Code::kNotFound)
    return text_response(503, "the log can not be read now; try again");
  if (!bytes) return text_response(404, "no such file in the log");
  Response response = is_checkpoint ? bytes_response("text/plain; charset=utf-8", *std::move(bytes))
                                    : bytes_response("application/octet-stream", *std::move(bytes));
  response.headers.push_back(
      {"cache-control", is_checkpoint ? "no-store" : "public, max-age=31536000, immutable"});
  return response;
}

Response Service::health() const {
  if (failure()) return text_response(503, "nothing is committed any more; see the server's log");
  auto trouble = sequencer_->trouble();
  {
    const std::lock_guard lock(mutex_);
    if (!trouble) trouble = publishing_trouble_;
  }
  if (trouble) return text_response(503, "nothing is committed now: " + trouble->message());
  return text_response(200, "ready");
}

Response Service::metrics() const {
  const auto counts = sequencer_->counts();
  std::string text = line("stele_segments_total", counts.segments) +
                     line("stele_segment_bytes_total", counts.bytes) +
                     line("stele_segments_refused_total", counts.refused) +
                     line("stele_syncs_total", counts.rounds) +
                     line("stele_leaves_covered", covered_);
  if (scrubber_) {
    const Scrubber::Counts read = scrubber_->counts();
    text += line("stele_scrub_volumes_total", read.volumes) +
            line("stele_scrub_bytes_total", read.bytes) +
            line("stele_scrub_faults_total", read.faults) +
            line("stele_scrub_volumes_left", read.left);
  }
  if (http_counts_) {
    const http::Counts http = http_counts_();
    text += line("stele_http_connections", http.connections_open) +
            line("stele_http_connections_refused_total", http.connections_refused) +
            line("stele_http_handshakes_failed_total", http.handshakes_failed) +
            line("stele_http_timeouts_total", http.timeouts) +
            line("stele_http_received_bytes_total", http.bytes_in) +
            line("stele_http_sent_bytes_total", http.bytes_out);
    for (const auto& [status, count] : http.requests_by_status)
      text += line("stele_http_requests_total{status=\"" + std::to_string(status) + "\"}", count);
  }
  const ByteSpan bytes = as_bytes(text);
  return bytes_response("text/plain; version=0.0.4", Bytes(bytes.begin(), bytes.end()));
}

}  // namespace stele::server
