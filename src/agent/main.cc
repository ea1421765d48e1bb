// stele-agent: what `stele agent` becomes. A program of its own, so that recording a session into a
// directory loads neither TLS nor HTTP.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "agent/config.h"
#include "agent/daemon.h"
#include "base/version.h"
#include "os/process.h"

int main(int argc, char** argv) {
  constexpr int kExitOk = 0, kExitUsage = 64, kExitFailed = 70;
  stele::os::occupy_standard_descriptors();
  CLI::App app("Takes in the sessions of this host and ships them.", "stele");
  app.set_version_flag("--version", std::string("stele ") + stele::kVersion);
  app.require_subcommand(1);
  std::string config = stele::agent::kConfigPath;
  CLI::App* agent = app.add_subcommand("agent", "seal and ship what this host's recorders say");
  agent->add_option("-c,--config", config, "TOML file: server, dir, spool, run, recorder_group …")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  const auto done = stele::agent::run_agent(config);
  if (done) return kExitOk;
  std::fprintf(stderr, "stele: %s\n", done.error().message().c_str());
  return kExitFailed;
}
