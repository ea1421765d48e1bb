// Which object store, which bucket in it, and who asks: as a command line or a configuration file
// says.
#pragma once

#include <chrono>
#include <string>

#include "s3/lock_probe.h"

namespace stele::server {

struct StoreConfig {
  std::string endpoint, region = "us-east-1", bucket, prefix;
  std::string credentials, profile = "default", authority_file;
  std::string mode = "compliance";
  bool is_path_style = false, is_plain_allowed = false;
};

/// What a prefix of names may be: "" or "…/".
bool is_prefix(std::string_view text);
/// "https://… bucket prefix"
std::string to_string(const StoreConfig& store);
s3::Mode mode_of(const StoreConfig& store);

/// A connection. kInvalid: what is wrong with it.
Result<s3::Bucket> open_bucket(const StoreConfig& store, Clock& clock);
/// Whether it keeps what it is told to; the canary's `retention` is as long as it stays.
Result<s3::Proof> probe(const StoreConfig& store, std::chrono::seconds retention, Clock& clock);
/// The wanted checks that do not hold, by name, a space between; empty: none.
std::string failed_checks(const s3::Proof& proof);

}  // namespace stele::server
