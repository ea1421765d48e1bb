#include "server/vault.h"

#include <cstdio>

#include "codec/json.h"
#include "config/toml.h"
#include "os/clock.h"
#include "server/program.h"

namespace stele::server {
namespace {

const char* state_of(const s3::Check& check) {
  if (check.holds) return "holds";
  return check.is_wanted ? "FAILS" : "no";
}

void print(const s3::Proof& proof) {
  std::printf("canary %s, version %s, %s until %s\n", proof.key.c_str(), proof.version.c_str(),
              std::string(to_string(proof.lock.mode)).c_str(), rfc3339(proof.lock.until).c_str());
  for (const s3::Check& check : proof.checks) {
    std::printf("  %-5s %-14s %s\n", state_of(check), check.name.c_str(), check.about.c_str());
    if (!check.said.empty()) std::printf("  %20s %s\n", "", check.said.c_str());
  }
  std::printf(proof.holds() ? "This store keeps what it is told to keep.\n"
                            : "This store does NOT keep what it is told to keep.\n");
}

void print_json(const s3::Proof& proof) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("holds").boolean(proof.holds());
  json.key("canary").text(proof.key).key("version").text(proof.version);
  json.key("mode").text(to_string(proof.lock.mode)).key("until").text(rfc3339(proof.lock.until));
  json.key("clock_ahead_seconds").seconds(proof.clock_ahead).key("checks").begin_array();
  for (const s3::Check& check : proof.checks) {
    json.begin_object().key("name").text(check.name).key("holds").boolean(check.holds);
    json.key("wanted").boolean(check.is_wanted).key("about").text(check.about);
    json.key("said").text(check.said).end_object();
  }
  json.end_array().end_object();
  std::printf("%s\n", text.c_str());
}

Result<bool> run(const VaultProbeOptions& o) {
  const auto retention = config::parse_duration(o.retention);
  if (!retention || *retention < std::chrono::minutes(2))
    return fail(Code::kInvalid, "--retention: two minutes at least are wanted, as 10m or 1h");
  if (!is_prefix(o.store.prefix))
    return fail(Code::kInvalid, "--prefix: letters, digits, - _ . and / are wanted, / at the end");
  os::SystemClock clock;
  TRY(const s3::Proof proof, probe(o.store, *retention, clock));
  o.json ? print_json(proof) : print(proof);
  return proof.holds();
}

}  // namespace

int probe_vault(const VaultProbeOptions& options) {
  const auto holds = run(options);
  if (holds) return *holds ? kExitOk : kExitFault;
  std::fprintf(stderr, "stele: %s\n", holds.error().message().c_str());
  return kExitFailed;
}

}  // namespace stele::server
