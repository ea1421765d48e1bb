// The commands `stele vault …`: what becomes of what is stored.
#pragma once

#include <string>

namespace stele::server {

struct VaultProbeOptions {
  std::string endpoint, region = "us-east-1", bucket, prefix;
  std::string credentials, profile = "default", authority_file;
  std::string mode = "compliance", retention = "10m";
  bool is_path_style = false, is_plain_allowed = false, json = false;
};
/// Exit status: 0 where the store keeps what it is told to, 1 where it does not, else it could not
/// be tried.
int probe_vault(const VaultProbeOptions& options);

}  // namespace stele::server
