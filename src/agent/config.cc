#include "agent/config.h"

#include "os/stream_socket.h"

namespace stele::agent {
namespace {

Result<std::optional<SudoTls>> load_sudo_tls(config::Document& file) {
  if (!file.has("sudo_log_tls")) return std::nullopt;
  SudoTls tls;
  TRY(tls.listen, file.text("sudo_log_tls.listen", std::nullopt));
  if (const Status address = os::check_listen_address(tls.listen); !address)
    return fail(file.wrong("sudo_log_tls.listen",
                           "an IP address and a port are wanted, as in \"0.0.0.0:30344\""));
  for (const auto& [key, to] :
       {std::pair{"sudo_log_tls.certificate", &tls.certificate},
        std::pair{"sudo_log_tls.key", &tls.key}, std::pair{"sudo_log_tls.clients", &tls.clients}}) {
    TRY(*to, file.text(key, std::nullopt));
    if (!to->starts_with('/')) return fail(file.wrong(key, "the whole path of a file is wanted"));
  }
  return tls;
}

}  // namespace

Result<Config> load_config(os::FileSystem& files, const std::string& path) {
  TRY(auto file, config::Document::load(files, path));
  Config config;
  TRY(config.server, file.text("server", std::nullopt));
  if (!config.server.starts_with("https://"))
    return fail(file.wrong("server", "an address like \"https://log.example:8443\" is wanted"));
  TRY(config.directory, file.text("dir", "/var/lib/stele/agent"));
  TRY(config.spool, file.text("spool", config.directory + "/spool"));
  TRY(config.run, file.text("run", "/run/stele"));
  TRY(config.pins, file.text("pins", "/sys/fs/bpf"));
  TRY(config.policy, file.text("policy", "/etc/stele/policy"));
  TRY(config.roles, file.text("roles", "/etc/stele/roles.toml"));
  TRY(config.ssh_authorities, file.text("ssh_authorities", ""));
  TRY(config.sudo_log, file.text("sudo_log", ""));
  TRY(config.sudo_log_tls, load_sudo_tls(file));
  TRY(config.sudo_log_patience, file.duration("sudo_log_patience", std::chrono::minutes(1),
                                              {std::chrono::seconds(1), std::chrono::hours(1)}));
  TRY(config.rotate_keys, file.duration("rotate_keys", std::chrono::minutes(10),
                                        {std::chrono::seconds(1), std::chrono::hours(24)}));
  TRY(config.recorder_group, file.text("recorder_group", "stele-recorder"));
  TRY(const int64_t total, file.integer("sessions.total", 2048, {1, 100'000}));
  TRY(const int64_t per_user, file.integer("sessions.per_user", 256, {1, 100'000}));
  config.connections = {static_cast<size_t>(total), static_cast<size_t>(per_user)};
  constexpr config::Range<uint64_t> kSizes = {uint64_t{1} << 20, uint64_t{1} << 44};
  TRY(config.quota.bytes_max, file.size("quota.spool", config.quota.bytes_max, kSizes));
  TRY(config.quota.owner_bytes_max,
      file.size("quota.per_user", config.quota.owner_bytes_max, kSizes));
  TRY(config.quota.reserve_bytes, file.size("quota.reserve", config.quota.reserve_bytes, kSizes));
  TRY(config.quota.low_water_bytes,
      file.size("quota.low_water", config.quota.low_water_bytes, kSizes));
  TRY_VOID(file.finish());
  return config;
}

}  // namespace stele::agent
