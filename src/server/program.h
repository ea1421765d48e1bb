// What the program stele-server does: one function for each of its commands.
#pragma once

#include <string>

namespace stele::server {

/// Exit statuses, as stele's.
inline constexpr int kExitOk = 0, kExitFault = 1, kExitUsage = 64, kExitFailed = 70;

/// Serves until SIGTERM or SIGINT, or until nothing can be committed any more.
int serve(const std::string& config);

struct TokenOptions {
  std::string config, host, life = "10m";
};
int create_token(const TokenOptions& options);

}  // namespace stele::server
