#include <csignal>
#include <cstdio>

#include "base/hex.h"
#include "config/toml.h"
#include "http/server.h"
#include "latch/latched_files.h"
#include "ledger/setup.h"
#include "os/clock.h"
#include "os/posix_file_system.h"
#include "os/process.h"
#include "os/random.h"
#include "os/signals.h"
#include "os/supervisor.h"
#include "server/certificate.h"
#include "server/config.h"
#include "server/program.h"
#include "server/protecting.h"
#include "server/service.h"

namespace stele::server {
namespace {

/// How long after its end a host's certificate can still be renewed (docs/formats/enrolment.md).
constexpr std::chrono::hours kExpiredGrace{30 * 24};
constexpr uint64_t kFilesBeside = 128;  // the ledger's, and what readers are shown

int report(const Error& error) {
  std::fprintf(stderr, "stele: %s\n", error.message().c_str());
  return kExitFailed;
}

std::string in_one_line(const Config& config, const std::string& protection) {
  std::string text = "listen=" + config.address + ":" + std::to_string(config.port) + " names=";
  for (const std::string& name : config.names) text += (text.ends_with('=') ? "" : ",") + name;
  return text + " volumes=" + protection;
}

// Until somebody asks for the end, or nothing can be committed any more. A server of which a part
// hangs does not say that it lives.
void watch_over(Service& service, http::Server& server, ServerCertificate& certificate,
                os::SignalWatch& signals) {
  const bool is_watched = os::watchdog_interval().has_value();
  const auto show = [&](http::TlsIdentity made) { return server.set_identity(std::move(made)); };
  std::string_view told;
  while (!service.failure()) {
    if (const Status shown = certificate.step(show); !shown)
      os::tell_journal(os::Severity::kWarning, "certificate: " + shown.error().message());
    const std::string_view stuck = service.stuck();
    if (!stuck.empty() && stuck != told)
      os::tell_journal(os::Severity::kError, "the " + std::string(stuck) + " hangs");
    told = stuck;
    if (is_watched && stuck.empty()) (void)os::notify_supervisor("WATCHDOG=1");
    signals.wait(std::chrono::seconds(1));
    if (const auto came = signals.take(); came.has(SIGTERM) || came.has(SIGINT)) return;
  }
}

Status run(const std::string& path) {
  os::PosixFileSystem machine;
  os::SystemClock clock;
  TRY(const Config config, load_config(machine, path));
  latch::LatchedFiles files(config.latch);
  TRY_VOID(ledger::check_owner(config.layout));
  os::ignore_broken_pipes();
  if (const uint64_t files_max = os::raise_open_files();
      files_max < config.connections + kFilesBeside) {
    return fail(Code::kInvalid, path + ": connections: this process may open only " +
                                    std::to_string(files_max) + " files, and wants " +
                                    std::to_string(kFilesBeside) +
                                    " beside its connections; raise LimitNOFILE, or ask for fewer");
  }
  TRY(auto signals, os::SignalWatch::make({}, {SIGTERM, SIGINT}));
  // One server a ledger: whoever owned streams here must not be overruled by another process.
  auto alone = files.lock(config.layout.state() + "/server.lock", os::Wait::kNo);
  if (!alone)
    return fail(std::move(alone).error().within("another server has this ledger, or it is none"));
  std::unique_ptr<Storage> storage;
  std::string protection;
  if (config.shared) {
    TRY(storage, SharedStorage::open(files, config.layout, clock, *config.shared));
    protection = to_string(config.shared->store) + ", " + config.shared->store.mode;
  } else {
    TRY_VOID(ledger::check_not_shared(files, config.layout));
    protection = protect_open_volume(files, config.layout);
  }
  TRY(auto service, Service::open(files, config.layout, clock, os::system_random,
                                  {.workers = config.threads,
                                   .configuration = in_one_line(config, protection),
                                   .silent_after = config.silent_after,
                                   .scrub_every = config.shared ? Micros(0) : config.scrub_every,
                                   .storage = std::move(storage)}));
  http::ServerOptions options;
  options.address = config.address;
  options.port = config.port;
  options.threads = config.threads;
  ServerCertificate certificate(service->authority(), config.names, config.certificate_life, clock,
                                os::system_random);
  TRY(options.identity, certificate.make());
  options.limits.gate.connections = config.connections;
  options.limits.gate.connections_per_peer = config.connections_per_peer;
  options.now = [&clock] { return clock.wall(); };
  options.expired_grace = kExpiredGrace;  // to be renewed, and for nothing else
  options.body_bytes_for = Service::body_bytes_for;
  TRY(auto server, http::Server::start(std::move(options), [&](auto request, auto reply) {
        service->handle(std::move(request), std::move(reply));
      }));
  service->set_http_counts([&server] { return server->counts(); });
  std::printf("stele server of %s on %s port %u\nauthority pin %s\n", service->origin().c_str(),
              config.address.c_str(), server->port(), to_hex(service->authority().pin()).c_str());
  std::fflush(stdout);
  TRY_VOID(os::notify_supervisor("READY=1"));
  watch_over(*service, *server, certificate, signals);
  (void)os::notify_supervisor("STOPPING=1");
  server->stop(std::chrono::seconds(5));
  if (const auto failed = service->failure()) return fail(*failed);
  return {};
}

std::string url_of(const Config& config) {
  const std::string& name = config.names.front();
  const bool is_v6 = name.find(':') != std::string::npos;
  return "https://" + (is_v6 ? "[" + name + "]" : name) + ":" + std::to_string(config.port);
}

Status make_token(const TokenOptions& options) {
  os::PosixFileSystem files;
  os::SystemClock clock;
  TRY(const Config config, load_config(files, options.config));
  TRY_VOID(ledger::check_owner(config.layout));
  const auto life = config::parse_duration(options.life);
  if (!life) return fail(Code::kInvalid, "--ttl: a time like 10m is wanted");
  TRY(const auto policy_key, ledger::load_verifier_key(files, config.layout.policy_vkey()));
  TRY(const std::string origin, ledger::first_origin(policy_key));
  TRY(const Authority authority, Authority::open(files, config.layout, clock, os::system_random));
  Registry registry(files, config.layout, origin, clock, os::system_random);
  TRY(const std::string token, registry.create_token(options.host, *life));
  std::printf("%s\n", token.c_str());
  std::fprintf(stderr, "On %s, within %s:\n  stele enroll --server %s --token %s --ca-pin %s\n",
               options.host.c_str(), options.life.c_str(), url_of(config).c_str(), token.c_str(),
               to_hex(authority.pin()).c_str());
  return {};
}

}  // namespace

int serve(const std::string& config) {
  const Status done = run(config);
  return done ? kExitOk : report(done.error());
}

int create_token(const TokenOptions& options) {
  const Status done = make_token(options);
  return done ? kExitOk : report(done.error());
}

}  // namespace stele::server
