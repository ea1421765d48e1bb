// The commands `stele vault …`: what becomes of what is stored.
#pragma once

#include <string>

#include "server/store.h"

namespace stele::server {

struct VaultProbeOptions {
  StoreConfig store;
  std::string retention = "10m";
  bool json = false;
};
/// Exit status: 0 where the store keeps what it is told to, 1 where it does not, else it could not
/// be tried.
int probe_vault(const VaultProbeOptions& options);

}  // namespace stele::server
