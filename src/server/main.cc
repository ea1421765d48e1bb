// stele-server: what `stele server` and `stele token` become. A program of its own, so that
// recording a session loads neither TLS nor HTTP.
#include <CLI/CLI.hpp>

#include "base/version.h"
#include "os/process.h"
#include "server/program.h"

int main(int argc, char** argv) {
  using namespace stele::server;
  constexpr const char* kConfigPath = "/etc/stele/server.toml";
  stele::os::occupy_standard_descriptors();
  CLI::App app("Takes in the sessions of a fleet.", "stele");
  app.set_version_flag("--version", std::string("stele ") + stele::kVersion);
  app.require_subcommand(1);

  std::string config;
  CLI::App* serve_command = app.add_subcommand("server", "serve a ledger to enrolled hosts");
  serve_command->add_option("-c,--config", config, "TOML file: dir, listen, names, threads")
      ->default_val(kConfigPath);

  TokenOptions token;
  CLI::App* tokens = app.add_subcommand("token", "let a host in");
  tokens->require_subcommand(1);
  CLI::App* create = tokens->add_subcommand("create", "a token, good once");
  create->add_option("-c,--config", token.config, "the server's TOML file")
      ->default_val(kConfigPath);
  create->add_option("--host", token.host, "the name the host will have")->required();
  create->add_option("--ttl", token.life, "how long it is good (10m)");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  if (*serve_command) return serve(config);
  return create_token(token);
}
