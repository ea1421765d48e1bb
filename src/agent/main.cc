// stele-agent: what `stele agent` and `stele enroll` become. A program of its own, so that
// recording a session into a directory loads neither TLS nor HTTP.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "agent/config.h"
#include "agent/daemon.h"
#include "agent/enrol.h"
#include "base/version.h"
#include "os/posix_file_system.h"
#include "os/process.h"

namespace {

using namespace stele;

constexpr int kExitOk = 0, kExitUsage = 64, kExitFailed = 70;

int fail_with(const char* what, const Error& error) {
  std::fprintf(stderr, "stele: %s%s\n", what, error.message().c_str());
  return kExitFailed;
}

int run(const std::string& config) {
  const Status done = agent::run_agent(config);
  return done ? kExitOk : fail_with("", done.error());
}

int enrol(const agent::EnrolOptions& options) {
  os::PosixFileSystem files;
  const auto host = agent::enrol(files, options);
  if (!host) return fail_with("not enrolled: ", host.error());
  std::printf(
      "Enrolled as %s.\n  log     %s\n  policy  %s\n  agent   %s\n"
      "From now on `stele record` needs this host's agent: systemctl enable --now stele-agent\n",
      host->name.c_str(), host->log_key.c_str(), host->policy_key.c_str(), options.config.c_str());
  return kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  os::occupy_standard_descriptors();
  CLI::App app("Takes in the sessions of this host and ships them.", "stele");
  app.set_version_flag("--version", std::string("stele ") + kVersion);
  app.require_subcommand(1);

  std::string config = agent::kConfigPath;
  app.add_subcommand("agent", "seal and ship what this host's recorders say")
      ->add_option("-c,--config", config, "TOML file: server, dir, spool, run, recorder_group …")
      ->capture_default_str();

  agent::EnrolOptions options;
  CLI::App* enrol_command = app.add_subcommand("enroll", "make this host known to a server");
  enrol_command->add_option("-d,--dir", options.directory, "where this host keeps its keys")
      ->default_val("/var/lib/stele/agent");
  enrol_command->add_option("--config", options.config, "the agent's configuration, to be made")
      ->default_val(agent::kConfigPath);
  enrol_command->add_option("--server", options.server, "https://NAME:PORT")->required();
  enrol_command->add_option("--token", options.token, "what `stele token create` printed")
      ->required();
  enrol_command
      ->add_option("--ca-pin", options.authority_pin, "what the server printed when it started")
      ->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return *enrol_command ? enrol(options) : run(config);
}
