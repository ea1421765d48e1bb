#include "server/vault.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "codec/json.h"
#include "config/toml.h"
#include "os/clock.h"
#include "os/posix_file_system.h"
#include "os/random.h"
#include "s3/lock_probe.h"
#include "server/program.h"

namespace stele::server {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

bool is_prefix(std::string_view text) {
  constexpr std::string_view kOther = "-_./";
  return text.empty() || (text.size() <= 200 && text.back() == '/' && text.front() != '/' &&
                          std::all_of(text.begin(), text.end(), [&](char c) {
                            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                   (c >= '0' && c <= '9') || kOther.find(c) != kOther.npos;
                          }));
}

Result<s3::Bucket> open_bucket(const VaultProbeOptions& o, Clock& clock) {
  os::PosixFileSystem files;
  std::string authorities;
  if (!o.authority_file.empty()) {
    TRY(const Bytes pem, files.read(o.authority_file, 1 << 20));
    authorities = as_text(pem);
  }
  const auto now = [&clock] { return clock.wall(); };
  s3::CredentialOptions who{.from = o.credentials,
                            .profile = o.profile,
                            .region = o.region,
                            .authorities_pem = "",
                            .variable = variable,
                            .now = now,
                            .token_service_url = ""};
  TRY(auto credentials, s3::credential_source(std::move(who)));
  s3::BucketOptions where;
  where.endpoint = o.endpoint;
  where.region = o.region;
  where.name = o.bucket;
  where.is_path_style = o.is_path_style;
  where.is_plain_allowed = o.is_plain_allowed;
  where.authorities_pem = std::move(authorities);
  where.now = now;
  where.sleep = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
  where.random = os::system_random;
  return s3::Bucket::make(std::move(where), std::move(credentials));
}

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
  if (!is_prefix(o.prefix))
    return fail(Code::kInvalid, "--prefix: letters, digits, - _ . and / are wanted, / at the end");
  os::SystemClock clock;
  TRY(s3::Bucket bucket, open_bucket(o, clock));
  const s3::ProbeOptions options{
      .prefix = o.prefix,
      .mode = o.mode == "governance" ? s3::Mode::kGovernance : s3::Mode::kCompliance,
      .retention = *retention,
      .now = [&clock] { return clock.wall(); },
      .random = os::system_random};
  TRY(const s3::Proof proof, s3::probe(bucket, options));
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
