#include "server/config.h"

#include <algorithm>
#include <charconv>

#include "config/toml.h"
#include "crypto/x509.h"
#include "os/who.h"

namespace stele::server {
namespace {

constexpr config::Range<int64_t> kConnections{1, 50'000};

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

/// The tables "vault" and "commits".
Result<SharedConfig> read_shared(config::Document& file) {
  SharedConfig shared;
  StoreConfig& store = shared.store;
  TRY(store.endpoint, file.text("vault.endpoint", std::nullopt));
  TRY(store.region, file.text("vault.region", store.region));
  TRY(store.bucket, file.text("vault.bucket", std::nullopt));
  TRY(store.prefix, file.text("vault.prefix", ""));
  if (!is_prefix(store.prefix)) {
    return fail(
        file.wrong("vault.prefix", "letters, digits, - _ . and / are wanted, / at the end"));
  }
  TRY(store.credentials, file.text("vault.credentials", std::nullopt));
  TRY(store.profile, file.text("vault.profile", store.profile));
  TRY(store.authority_file, file.text("vault.authority", ""));
  TRY(store.mode, file.word("vault.mode", store.mode, {"compliance", "governance"}));
  TRY(store.is_path_style, file.boolean("vault.path_style", false));
  TRY(store.is_plain_allowed, file.boolean("vault.plain", false));
  TRY(const auto retain, file.duration("vault.retain", std::nullopt,
                                       {std::chrono::days(1), std::chrono::days(36'500)}));
  shared.retain = std::chrono::ceil<std::chrono::days>(retain);
  TRY(const std::string probe, file.word("vault.probe", "required", {"required", "told"}));
  shared.is_required = probe == "required";
  TRY(shared.probe_every, file.duration("vault.probe_every", std::chrono::hours(24),
                                        {std::chrono::seconds(1), std::chrono::hours(24) * 31}));
  TRY(shared.commits, file.text("commits.postgres", std::nullopt));
  return shared;
}

}  // namespace

Result<Config> load_config(os::FileSystem& files, const std::string& path) {
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
  TRY(config.silent_after, file.duration("silent_after", std::chrono::seconds(60),
                                         {std::chrono::seconds(1), std::chrono::hours(24)}));
  TRY(config.certificate_life,
      file.duration("certificate_life", std::chrono::hours(24) * 90,
                    {std::chrono::seconds(10), crypto::kServerCertificateLifeMax}));
  TRY(config.scrub_every, file.duration("scrub_every", std::chrono::hours(24) * 30,
                                        {std::chrono::seconds(1), std::chrono::hours(24) * 366}));
  TRY(config.latch, file.text("latch", "/run/stele-latch/socket"));
  TRY(const int64_t connections, file.integer("connections", 8192, kConnections));
  TRY(const int64_t per_peer,
      file.integer("connections_per_peer", std::min<int64_t>(256, connections), kConnections));
  if (per_peer > connections)
    return fail(file.wrong("connections_per_peer", "there are only " + std::to_string(connections) +
                                                       " connections in all"));
  config.connections = static_cast<size_t>(connections);
  config.connections_per_peer = static_cast<size_t>(per_peer);
  if (file.has("vault") || file.has("commits")) {
    TRY(config.shared, read_shared(file));
  }
  TRY_VOID(file.finish());
  return config;
}

}  // namespace stele::server
