// stele-server: what `stele server` and `stele token` become. A program of its own, so that
// recording a session loads neither TLS nor HTTP.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/version.h"
#include "os/process.h"
#include "server/administer.h"
#include "server/program.h"
#include "server/routes.h"
#include "server/vault.h"

namespace {

using namespace stele::server;

constexpr const char* kAboutRoles =
    "viewer, auditor, investigator, approver, verifier, admin; several with ',' between";

/// A command at the server's directory: what it is called, what it wants, and what it does.
template <typename Options>
CLI::App* add(CLI::App* parent, const char* name, const char* about, Options& options,
              const char* default_config, int (*run)(const Options&), int& status) {
  CLI::App* command = parent->add_subcommand(name, about);
  command->add_option("-c,--config", options.config, "the server's TOML file")
      ->default_val(default_config);
  command->callback([&options, run, &status] { status = run(options); });
  return command;
}

void add_users(CLI::App& app, UserOptions& o, const char* config, int& status) {
  CLI::App* user = app.add_subcommand("user", "who may ask this server for what");
  user->require_subcommand(1);
  const auto with_name = [&](CLI::App* command) {
    command->add_option("NAME", o.name, "the person's name here")->required();
    return command;
  };
  CLI::App* added = with_name(add(user, "add", "somebody new", o, config, add_user, status));
  added->add_option("--roles", o.roles, kAboutRoles)->required();
  added->add_option("--who", o.who, "the person in words, as \"Jane Roe <jane@example.com>\"");
  add(user, "list", "all of them, with their tokens", o, config, list_users, status);
  with_name(add(user, "token", "a token to show the server, printed once", o, config,
                create_user_token, status))
      ->add_option("--ttl", o.life, "how long it is good (90d)");
  with_name(add(user, "revoke", "a token is good no more", o, config, revoke_user_token, status))
      ->add_option("TOKEN-ID", o.id, "as `stele user list` shows it")
      ->required();
  with_name(add(user, "roles", "other roles than before", o, config, set_user_roles, status))
      ->add_option("ROLES", o.roles, kAboutRoles)
      ->required();
  with_name(
      add(user, "disable", "lets a person in no more, for good", o, config, disable_user, status));
}

void add_hosts(CLI::App& app, HostOptions& o, const char* config, int& status) {
  CLI::App* host = app.add_subcommand("host", "the hosts this server knows");
  host->require_subcommand(1);
  add(host, "list", "all of them", o, config, list_hosts, status);
  add(host, "revoke", "takes nothing from a host any more", o, config, revoke_host, status)
      ->add_option("NAME", o.name, "the host's name")
      ->required();
}

void add_vault(CLI::App& app, VaultProbeOptions& o, int& status) {
  CLI::App* vault = app.add_subcommand("vault", "what becomes of what is stored");
  vault->require_subcommand(1);
  CLI::App* probe = vault->add_subcommand(
      "probe",
      "does an object store (S3) keep what it is told to keep? Tries on an object of its own, a "
      "canary, whatever must not be possible");
  probe->add_option("--endpoint", o.store.endpoint, "the store: https://HOST[:PORT]")->required();
  probe->add_option("--bucket", o.store.bucket, "a bucket that locks objects")->required();
  probe->add_option("--region", o.store.region, "its region")->capture_default_str();
  probe->add_option("--prefix", o.store.prefix, "what the canary's name begins with, as stele/");
  probe
      ->add_option("--credentials", o.store.credentials,
                   "absolute path of a file with aws_access_key_id and aws_secret_access_key; or "
                   "environment, instance (metadata service), web-identity")
      ->required();
  probe->add_option("--profile", o.store.profile, "section of that file")->capture_default_str();
  probe->add_option("--ca", o.store.authority_file,
                    "its authority's certificate (PEM; default: the machine's)");
  probe->add_flag("--path-style", o.store.is_path_style,
                  "the bucket in the path, not before the host's name");
  probe->add_flag("--plain", o.store.is_plain_allowed,
                  "take http:// too, where nobody else is on the way");
  probe->add_option("--mode", o.store.mode, "compliance, or governance")
      ->check(CLI::IsMember({"compliance", "governance"}))
      ->capture_default_str();
  probe->add_option("--retention", o.retention, "of the canary, which stays so long")
      ->capture_default_str();
  probe->add_flag("--json", o.json, "print what was found as JSON");
  probe->footer(
      "Exit status: 0 if the store keeps what it is told to, 1 if not, 70 if it could not be "
      "tried.");
  probe->callback([&o, &status] { status = probe_vault(o); });
}

int print_routes() {
  constexpr const char* kDoors[] = {"nobody", "token", "host"};
  for (const Route& route : routes()) {
    std::printf("%s %s %s\n", std::string(route.method).c_str(), std::string(route.pattern).c_str(),
                kDoors[static_cast<int>(route.door)]);
  }
  return kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* kConfigPath = "/etc/stele/server.toml";
  stele::os::occupy_standard_descriptors();
  CLI::App app("Takes in the sessions of a fleet.", "stele");
  app.set_version_flag("--version", std::string("stele ") + stele::kVersion);
  app.require_subcommand(1);

  std::string config;
  CLI::App* serve_command = app.add_subcommand("server", "serve a ledger to enrolled hosts");
  serve_command->add_option("-c,--config", config, "TOML file: dir, listen, names, threads")
      ->default_val(kConfigPath);

  bool shows_routes = false;
  serve_command->add_flag("--routes", shows_routes, "print what it answers to, and do not serve");

  TokenOptions token;
  CLI::App* tokens = app.add_subcommand("token", "let a host in");
  tokens->require_subcommand(1);
  CLI::App* create = tokens->add_subcommand("create", "a token, good once");
  create->add_option("-c,--config", token.config, "the server's TOML file")
      ->default_val(kConfigPath);
  create->add_option("--host", token.host, "the name the host will have")->required();
  create->add_option("--ttl", token.life, "how long it is good (10m)");

  UserOptions user;
  HostOptions host;
  int status = kExitOk;
  add_users(app, user, kConfigPath, status);
  add_hosts(app, host, kConfigPath, status);
  VaultProbeOptions vault;
  add_vault(app, vault, status);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  if (shows_routes) return print_routes();
  if (*serve_command) return serve(config);
  return *tokens ? create_token(token) : status;
}
