// The server's configuration file.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "ledger/layout.h"
#include "os/file_system.h"
#include "server/shared_storage.h"

namespace stele::server {

struct Config {
  ledger::Layout layout;
  std::string address;
  uint16_t port = 0;
  std::vector<std::string> names;
  size_t threads = 2;
  Micros silent_after{0};  // a host that said nothing for longer is silent
  std::chrono::seconds certificate_life{0};
  std::optional<SharedConfig> shared;  // the ledger is not in the directory
  Micros scrub_every{0};               // all that is stored is read again as often
  std::string latch;                   // the socket of stele-latch
  size_t connections = 0, connections_per_peer = 0;
};

/// kInvalid: what is wrong, and where.
Result<Config> load_config(os::FileSystem& files, const std::string& path);

}  // namespace stele::server
