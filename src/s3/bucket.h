// Bucket: one bucket of an object store that speaks S3, and what a vault needs of it: objects that
// are written once, each version by its own id, locked until a day.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "http/client.h"
#include "s3/credentials.h"

namespace stele::s3 {

enum class Mode { kGovernance, kCompliance };
std::string_view to_string(Mode mode);  // "GOVERNANCE"

/// A version's retention (S3 Object Lock).
struct Lock {
  Mode mode = Mode::kCompliance;
  WallTime until;  // stores keep whole seconds
  bool operator==(const Lock&) const = default;
};

struct BucketOptions {
  std::string endpoint;  // "https://s3.eu-central-1.amazonaws.com", with a port if need be
  std::string region, name;
  bool is_path_style = false;     // the bucket stands in the path, not before the host's name
  bool is_plain_allowed = false;  // "http://…"
  std::string authorities_pem;    // of the endpoint; empty: the machine's
  std::chrono::milliseconds timeout{30'000};
  /// A request that did no harm, or was not done, is sent again so often, after a pause that is
  /// random, up to this, and doubles up to the last.
  unsigned attempts = 6;
  std::chrono::milliseconds pause{100}, pause_max{5'000};
  std::function<WallTime()> now;
  std::function<void(std::chrono::milliseconds)> sleep;
  RandomSource random;
};

/// What is said of a version by its headers.
struct Properties {
  uint64_t size = 0;
  std::string version;  // empty: the bucket keeps no versions
  std::optional<Lock> lock;
  bool is_held = false;
};

struct Version {
  std::string key, id;
  bool is_marker = false;  // that says the key is deleted; the versions before it are there
  bool is_latest = false;
  uint64_t size = 0;
  bool operator==(const Version&) const = default;
};

/// One answer's worth of a listing.
struct Versions {
  std::vector<Version> found;     // by key; of a key the newest first
  std::string next_key, next_id;  // where it goes on; both empty: nowhere
};

struct PutOptions {
  std::optional<Lock> lock;
  bool is_held = false;   // a legal hold
  bool is_first = false;  // only where the key is new, as far as the store looks (If-None-Match)
  /// What is wrong with it, so that a store that looks refuses it.
  enum class Wrong { kNothing, kMd5, kChecksum, kPayloadHash } wrong = Wrong::kNothing;
};

/// Errors, of all: kPermission (refused, and how), kNotFound (no such key, version or bucket),
/// kExists (is_first), kInvalid (not as the store wants it), kIo (nobody answers), kBusy (it asks
/// to be spared, again and again), kOutcomeUnknown (it may have been done), kCorrupt (no such
/// answer), kLimit. What the store says is in them, no key of ours. One thread; one for each
/// thread.
class Bucket {
 public:
  static Result<Bucket> make(BucketOptions options, std::unique_ptr<CredentialSource> credentials);

  /// The new version's id; empty where the bucket keeps none. An answer that was lost is looked
  /// for: a key whose first version has these bytes was written by this call or one like it.
  Result<std::string> put(const std::string& key, ByteSpan bytes, const PutOptions& options);
  /// `version` empty, here and below: the newest.
  Result<Bytes> get(const std::string& key, const std::string& version);
  Result<Properties> head(const std::string& key, const std::string& version);
  /// Of keys that begin so, from after where `from` ended on.
  Result<Versions> versions(const std::string& prefix, const Versions& from);
  /// `bypasses`: where the store lets somebody, also what a GOVERNANCE lock forbids.
  Status set_lock(const std::string& key, const std::string& version, const Lock& lock,
                  bool bypasses);
  Status set_hold(const std::string& key, const std::string& version, bool is_held);
  /// For who wants to see it refused.
  Status remove(const std::string& key, const std::string& version, bool bypasses);

  Result<bool> keeps_versions();
  Result<bool> locks_objects();

  /// How far the store's clock is ahead of ours, as its last answer said.
  Micros clock_ahead() const { return ahead_; }

 private:
  struct Ask {
    std::string method, key = "";
    std::vector<Parameter> query = {};
    std::vector<http::Header> headers = {};
    ByteSpan body = {};
    bool is_safe_twice = true;
    std::string payload_hash = "";  // hexadecimal; empty: of the body
  };

  Bucket(BucketOptions options, std::unique_ptr<CredentialSource> credentials, http::Client client)
      : options_(std::move(options)),
        credentials_(std::move(credentials)),
        client_(std::move(client)) {}

  Result<http::ClientResponse> ask(const Ask& ask);
  Status set(const char* what, const std::string& body, const std::string& key,
             const std::string& version, bool bypasses);
  Result<http::ClientResponse> send(const Ask& ask);
  void note_clock(const http::ClientResponse& response);
  std::string host() const;
  std::string path(const std::string& key) const;
  Result<std::string> settle_put(const std::string& key, ByteSpan bytes);
  void rest(unsigned attempt);

  BucketOptions options_;
  std::unique_ptr<CredentialSource> credentials_;
  http::Client client_;
  Micros ahead_{0};
};

}  // namespace stele::s3
