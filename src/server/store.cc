#include "server/store.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "os/posix_file_system.h"
#include "os/random.h"

namespace stele::server {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

bool is_prefix(std::string_view text) {
  constexpr std::string_view kOther = "-_./";
  return text.empty() || (text.size() <= 200 && text.back() == '/' && text.front() != '/' &&
                          std::all_of(text.begin(), text.end(), [&](char c) {
                            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                   (c >= '0' && c <= '9') || kOther.find(c) != kOther.npos;
                          }));
}

std::string to_string(const StoreConfig& store) {
  return store.endpoint + " " + store.bucket + (store.prefix.empty() ? "" : " " + store.prefix);
}

s3::Mode mode_of(const StoreConfig& store) {
  return store.mode == "governance" ? s3::Mode::kGovernance : s3::Mode::kCompliance;
}

Result<s3::Bucket> open_bucket(const StoreConfig& o, Clock& clock) {
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

Result<s3::Proof> probe(const StoreConfig& store, std::chrono::seconds retention, Clock& clock) {
  TRY(s3::Bucket bucket, open_bucket(store, clock));
  return s3::probe(bucket, {.prefix = store.prefix,
                            .mode = mode_of(store),
                            .retention = retention,
                            .now = [&clock] { return clock.wall(); },
                            .random = os::system_random});
}

std::string failed_checks(const s3::Proof& proof) {
  std::string names;
  for (const s3::Check& check : proof.checks)
    if (check.is_wanted && !check.holds) names += (names.empty() ? "" : " ") + check.name;
  return names;
}

}  // namespace stele::server
