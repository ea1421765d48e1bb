// The agent's configuration file.
#pragma once

#include "agent/connections.h"
#include "config/toml.h"
#include "spool/account.h"

namespace stele::agent {

/// Where a host's agent is configured; that it is there says that the host is enrolled.
inline constexpr const char* kConfigPath = "/etc/stele/agent.toml";

/// Where sudo's log protocol is spoken over TLS, and who may speak it; paths.
struct SudoTls {
  std::string listen;       // an IP address and a port
  std::string certificate;  // what is shown, and what leads to its authority
  std::string key;
  std::string clients;  // authorities: who has a certificate of theirs may come in
};

struct Config {
  std::string server;     // https://NAME:PORT
  std::string directory;  // what `stele enroll` keeps
  std::string spool;
  std::string run;              // the socket, and what a reboot may forget
  std::string pins;             // a bpf file system; empty: none
  std::string policy;           // a signed policy; need not be there
  std::string roles;            // who is who; need not be there
  std::string ssh_authorities;  // whose SSH certificates count; empty: nobody's
  std::string sudo_log;         // where sudo's log protocol is spoken; empty: nowhere
  std::optional<SudoTls> sudo_log_tls;
  Micros sudo_log_patience{0};  // how long a client of it may stay away
  std::string recorder_group;   // empty: a recorder may have any
  Micros rotate_keys{0};        // how long a signing key lives
  ConnectionLimits connections;
  spool::Quota quota;
};

/// kInvalid: what is wrong, and where.
Result<Config> load_config(os::FileSystem& files, const std::string& path);

}  // namespace stele::agent
