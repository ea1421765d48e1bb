#include "server/administer.h"

#include <cstdio>

#include "config/toml.h"
#include "ledger/keys.h"
#include "ledger/setup.h"
#include "os/clock.h"
#include "os/posix_file_system.h"
#include "os/random.h"
#include "server/config.h"
#include "server/people.h"
#include "server/program.h"
#include "server/registry.h"

namespace stele::server {
namespace {

/// The server's directory, and what a command needs there.
struct Desk {
  os::PosixFileSystem files;
  os::SystemClock clock;
  Config config;

  Status open(const std::string& path) {
    TRY(config, load_config(files, path));
    return ledger::check_owner(config.layout);
  }
  People people() { return {files, config.layout, clock, os::system_random}; }
  Result<Registry> registry() {
    TRY(const auto policy_key, ledger::load_verifier_key(files, config.layout.policy_vkey()));
    TRY(std::string origin, ledger::first_origin(policy_key));
    return Registry(files, config.layout, std::move(origin), clock, os::system_random);
  }
};

int finish(const Status& done) {
  if (done) return kExitOk;
  std::fprintf(stderr, "stele: %s\n", done.error().message().c_str());
  return kExitFailed;
}

Status add(const UserOptions& options) {
  Desk desk;
  TRY_VOID(desk.open(options.config));
  TRY(const RoleSet roles, parse_roles(options.roles));
  return desk.people().add(options.name, options.who.empty() ? options.name : options.who, roles);
}

Status list(const UserOptions& options) {
  Desk desk;
  TRY_VOID(desk.open(options.config));
  TRY(const auto people, desk.people().all());
  const WallTime now = desk.clock.wall();
  for (const Person& person : people) {
    std::printf("%-16s %-32s %s%s\n", person.name.c_str(), encode(person.roles).c_str(),
                person.who.c_str(), person.disabled ? "  (disabled)" : "");
    for (const ApiToken& token : person.tokens) {
      const char* state = token.revoked ? "revoked" : now >= token.expires ? "over" : "good until";
      std::printf("  token %s  %s %s\n", token.id().c_str(), state,
                  rfc3339(token.revoked.value_or(token.expires)).c_str());
    }
  }
  return {};
}

Status create_token(const UserOptions& options) {
  Desk desk;
  TRY_VOID(desk.open(options.config));
  const auto life = config::parse_duration(options.life);
  if (!life) return fail(Code::kInvalid, "--ttl: a time like 90d is wanted");
  TRY(const std::string token, desk.people().create_token(options.name, *life));
  std::printf("%s\n", token.c_str());
  return {};
}

Status revoke_token(const UserOptions& options) {
  Desk desk;
  TRY_VOID(desk.open(options.config));
  return desk.people().revoke_token(options.name, options.id);
}

Status set_roles(const UserOptions& options) {
  Desk desk;
  TRY_VOID(desk.open(options.config));
  TRY(const RoleSet roles, parse_roles(options.roles));
  return desk.people().set_roles(options.name, roles);
}

Status disable(const UserOptions& options) {
  Desk desk;
  TRY_VOID(desk.open(options.config));
  return desk.people().disable(options.name);
}

Status list(const HostOptions& options) {
  Desk desk;
  TRY_VOID(desk.open(options.config));
  TRY(const Registry registry, desk.registry());
  TRY(const auto hosts, registry.all());
  for (const Host& host : hosts) {
    std::printf("%-32s enrolled %s%s\n", host.name.c_str(), rfc3339(host.enrolled).c_str(),
                host.revoked ? ("  revoked " + rfc3339(*host.revoked)).c_str() : "");
  }
  return {};
}

Status revoke(const HostOptions& options) {
  Desk desk;
  TRY_VOID(desk.open(options.config));
  TRY(Registry registry, desk.registry());
  return registry.revoke(options.name);
}

}  // namespace

int add_user(const UserOptions& options) { return finish(add(options)); }
int list_users(const UserOptions& options) { return finish(list(options)); }
int create_user_token(const UserOptions& options) { return finish(create_token(options)); }
int revoke_user_token(const UserOptions& options) { return finish(revoke_token(options)); }
int set_user_roles(const UserOptions& options) { return finish(set_roles(options)); }
int disable_user(const UserOptions& options) { return finish(disable(options)); }
int list_hosts(const HostOptions& options) { return finish(list(options)); }
int revoke_host(const HostOptions& options) { return finish(revoke(options)); }

}  // namespace stele::server
