#include <charconv>
#include <csignal>
#include <cstdio>

#include "base/hex.h"
#include "config/toml.h"
#include "http/server.h"
#include "os/clock.h"
#include "os/posix_file_system.h"
#include "os/random.h"
#include "os/signals.h"
#include "os/who.h"
#include "server/program.h"
#include "server/service.h"

namespace stele::server {
namespace {

struct Config {
  ledger::Layout layout;
  std::string address;
  uint16_t port = 0;
  std::vector<std::string> names;
  size_t threads = 2;
};

/// "192.0.2.1:8443", "[2001:db8::1]:8443"
Status parse_listen(std::string_view text, Config& config) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail(Code::kInvalid, "no port");
  std::string_view address = text.substr(0, colon), port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), config.port);
  if (error != std::errc() || end != port.data() + port.size())
    return fail(Code::kInvalid, "no port");
  if (address.starts_with('[') && address.ends_with(']'))
    address = address.substr(1, address.size() - 2);
  config.address = address;
  return {};
}

Result<Config> load(os::FileSystem& files, const std::string& path) {
  TRY(auto file, config::Document::load(files, path));
  Config config;
  TRY(config.layout.directory, file.text("dir", std::nullopt));
  TRY(const std::string listen, file.text("listen", "0.0.0.0:8443"));
  if (!parse_listen(listen, config))
    return fail(file.wrong("listen", "an address and a port are wanted, as in \"0.0.0.0:8443\""));
  TRY(config.names, file.list("names", std::vector<std::string>{os::host_name()}));
  if (config.names.empty() || config.names.size() > 16)
    return fail(file.wrong("names", "1 to 16 names that hosts know this server by are wanted"));
  TRY(const int64_t threads, file.integer("threads", 2, {1, 64}));
  config.threads = static_cast<size_t>(threads);
  TRY_VOID(file.finish());
  return config;
}

int report(const Error& error) {
  std::fprintf(stderr, "stele: %s\n", error.message().c_str());
  return kExitFailed;
}

Status run(const std::string& path) {
  os::PosixFileSystem files;
  os::SystemClock clock;
  TRY(const Config config, load(files, path));
  os::ignore_broken_pipes();
  TRY(auto signals, os::SignalWatch::make({}, {SIGTERM, SIGINT}));
  // One server a ledger: whoever owned streams here must not be overruled by another process.
  auto alone = files.lock(config.layout.state() + "/server.lock", os::Wait::kNo);
  if (!alone)
    return fail(std::move(alone).error().within("another server has this ledger, or it is none"));
  TRY(auto service,
      Service::open(files, config.layout, clock, os::system_random, {.workers = config.threads}));
  http::ServerOptions options;
  options.address = config.address;
  options.port = config.port;
  options.threads = config.threads;
  TRY(options.identity, service->authority().identify(config.names, clock, os::system_random));
  options.now = [&clock] { return clock.wall(); };
  options.body_bytes_for = Service::body_bytes_for;
  TRY(auto server, http::Server::start(std::move(options), [&](auto request, auto reply) {
        service->handle(std::move(request), std::move(reply));
      }));
  service->set_http_counts([&server] { return server->counts(); });
  std::printf("stele server of %s on %s port %u\nauthority pin %s\n", service->origin().c_str(),
              config.address.c_str(), server->port(), to_hex(service->authority().pin()).c_str());
  std::fflush(stdout);
  while (!service->failure()) {
    signals.wait(std::chrono::seconds(1));
    if (const auto came = signals.take(); came.has(SIGTERM) || came.has(SIGINT)) break;
  }
  server->stop(std::chrono::seconds(5));
  if (const auto failed = service->failure()) return fail(*failed);
  return {};
}

}  // namespace

int serve(const std::string& config) {
  const Status done = run(config);
  return done ? kExitOk : report(done.error());
}

int create_token(const TokenOptions& options) {
  os::PosixFileSystem files;
  os::SystemClock clock;
  const ledger::Layout layout{options.directory};
  const auto life = config::parse_duration(options.life);
  if (!life) return report({Code::kInvalid, "--ttl: a time like 10m is wanted", 0});
  const auto log_key = ledger::load_verifier_key(files, layout.log_vkey());
  if (!log_key) return report(log_key.error());
  Registry registry(files, layout, log_key->name, clock, os::system_random);
  const auto token = registry.create_token(options.host, *life);
  if (!token) return report(token.error());
  std::printf("%s\n", token->c_str());
  return kExitOk;
}

}  // namespace stele::server
