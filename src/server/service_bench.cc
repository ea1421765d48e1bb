// Segments a second through TLS, from hosts on the same machine, durable and acknowledged. What is
// sent was sealed beforehand; sealing is not part of it.
//
// Target: 5,000 segments a second. TMPDIR is where the ledger is.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <barrier>
#include <filesystem>
#include <thread>

#include "http/client.h"
#include "ledger/keys.h"
#include "ledger/recipients_list.h"
#include "ledger/setup.h"
#include "os/clock.h"
#include "os/posix_file_system.h"
#include "os/random.h"
#include "segment/sealer.h"
#include "server/service.h"
#include "wire/enrolment.h"

namespace stele::server {
namespace {

constexpr size_t kHosts = 4;

/// A server on loopback with a fresh ledger.
class Machine {
 public:
  Machine() {
    (void)ledger::set_up(files, layout, {"stele/bench/fleet", {}, {}}, clock, os::system_random)
        .value();
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
  }
  ~Machine() {
    server->stop(std::chrono::seconds(5));
    server.reset();
    service.reset();
    for (const auto& file : std::filesystem::recursive_directory_iterator(layout.directory))
      (void)files.protect(file.path(), os::Protection::kNone);
    std::filesystem::remove_all(layout.directory);
  }

  const ledger::Layout layout{
      (std::filesystem::temp_directory_path() / "stele-service-bench").string()};
  os::PosixFileSystem files;
  os::SystemClock clock;
  std::unique_ptr<Service> service;
  std::unique_ptr<http::Server> server;
};

/// An enrolled host with requests ready to be sent.
class Host {
 public:
  Host(Machine& machine, const std::string& name) : machine_(machine) {
    const std::string token = Registry(machine.files, machine.layout, machine.service->origin(),
                                       machine.clock, os::system_random)
                                  .create_token(name, std::chrono::minutes(10))
                                  .value();
    wire::EnrolmentRequest request{token,
                                   wire::machine_hash(name),
                                   signing_.public_key().bytes,
                                   crypto::make_certificate_request(tls_, name),
                                   {}};
    request.signature = signing_.sign(as_bytes(wire::signed_part(request)));
    auto anyone = client("");
    const std::string body = encode(request);
    const auto response = anyone
                              .request({"POST",
                                        "/v1/enroll",
                                        std::string(wire::kEnrolmentType),
                                        {},
                                        as_bytes(body),
                                        false,
                                        {}})
                              .value();
    told_ = wire::parse_enrolment(as_text(response.body)).value();
    client_.emplace(client(crypto::parse_certificate_der(told_.certificate)->to_pem()));
  }
  void seal(size_t requests, size_t segments, size_t content_bytes) {
    const std::string name = ledger::host_key_name(machine_.service->origin(), told_.host);
    const auto policy = receipt::VerifierKey::parse(told_.policy_key).value();
    const auto list = ledger::open_recipients_list(told_.recipients, policy).value();
    segment::Sealer sealer(make_uuid_v7(machine_.clock.wall(), os::system_random),
                           segment::Kind::kSession,
                           {signing_, segment::host_key_id(name, signing_.public_key().bytes), 1},
                           ledger::sealing_recipients(list, told_.recipients), os::system_random);
    requests_.assign(requests, {});
    for (Bytes& request : requests_) {
      for (size_t i = 0; i < segments; ++i) {
        segment::Batch batch;
        batch.lanes[1].resize(content_bytes);
        os::system_random(batch.lanes[1]);
        batch.event_count = 1;
        wire::add_segment(request, sealer.seal(batch, false).value().bytes);
      }
    }
  }
  /// Microseconds each request took.
  std::vector<double> send(size_t segments) {
    std::vector<double> took;
    for (const Bytes& request : requests_) {
      const auto begin = std::chrono::steady_clock::now();
      const auto response = client_->request(
          {"POST", "/v1/segments", std::string(wire::kSegmentsType), {}, request, true, {}});
      const std::chrono::duration<double, std::micro> time =
          std::chrono::steady_clock::now() - begin;
      took.push_back(time.count());
      const auto answers = wire::parse_answers(response.value().body, segments).value();
      for (const auto& answer : answers)
        if (!std::holds_alternative<wire::Accepted>(answer)) std::abort();
    }
    return took;
  }
  size_t bytes() const {
    size_t sum = 0;
    for (const Bytes& request : requests_) sum += request.size();
    return sum;
  }

 private:
  http::Client client(const std::string& certificate) {
    http::ClientOptions options;
    options.base_url = "https://127.0.0.1:" + std::to_string(machine_.server->port());
    options.authority_pin = machine_.service->authority().pin();
    options.certificate_pem = certificate;
    if (!certificate.empty()) options.key_pem = tls_.to_pem();
    options.now = [this] { return machine_.clock.wall(); };
    return http::Client::make(std::move(options)).value();
  }

  Machine& machine_;
  crypto::SigningKey signing_ = crypto::SigningKey::generate(os::system_random);
  crypto::TlsKey tls_ = crypto::TlsKey::generate();
  wire::Enrolment told_;
  std::optional<http::Client> client_;
  std::vector<Bytes> requests_;
};

/// Arguments: segments a request, bytes of content a segment.
void segments_from_4_hosts(benchmark::State& state) {
  Machine machine;
  const auto segments = static_cast<size_t>(state.range(0));
  const auto content_bytes = static_cast<size_t>(state.range(1));
  const size_t requests =
      std::clamp<size_t>((size_t{32} << 20) / (segments * content_bytes), 8, 4000 / segments);
  std::vector<std::unique_ptr<Host>> hosts;
  for (size_t i = 0; i < kHosts; ++i)
    hosts.push_back(std::make_unique<Host>(machine, "host" + std::to_string(i)));
  size_t bytes = 0;
  std::vector<double> took;
  for (auto _ : state) {
    state.PauseTiming();
    for (auto& host : hosts) host->seal(requests, segments, content_bytes);
    std::barrier begin(kHosts + 1);
    std::vector<std::thread> threads;
    std::vector<std::vector<double>> times(kHosts);
    for (size_t i = 0; i < kHosts; ++i) {
      threads.emplace_back([&, i] {
        begin.arrive_and_wait();
        times[i] = hosts[i]->send(segments);
      });
    }
    state.ResumeTiming();
    begin.arrive_and_wait();
    for (std::thread& thread : threads) thread.join();
    for (size_t i = 0; i < kHosts; ++i) {
      bytes += hosts[i]->bytes();
      took.insert(took.end(), times[i].begin(), times[i].end());
    }
  }
  std::sort(took.begin(), took.end());
  state.counters["p50_ms"] = took[took.size() / 2] / 1e3;
  state.counters["p99_ms"] = took[took.size() * 99 / 100] / 1e3;
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kHosts * requests * segments));
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(segments_from_4_hosts)
    ->Args({1, 700})
    ->Args({32, 700})
    ->Args({256, 700})
    ->Args({16, 200'000})
    ->Iterations(3)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace stele::server
