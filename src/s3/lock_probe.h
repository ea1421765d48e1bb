// Does a store keep what it is told to keep? Shown on an object of its own, a canary: what must not
// be possible is tried, and what the store says of it counts for less than what is there
// afterwards.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "s3/bucket.h"

namespace stele::s3 {

struct ProbeOptions {
  std::string prefix;  // of the canary's key: "" or "…/"
  Mode mode = Mode::kCompliance;
  std::chrono::seconds retention{600};  // of the canary, which stays as long
  std::function<WallTime()> now;
  RandomSource random;
};

struct Check {
  std::string name;       // "delete": stable
  std::string about;      // what was tried, and what is to come of it
  bool is_wanted = true;  // else it is only worth knowing
  bool holds = false;
  std::string said;  // by the store; empty: nothing
};

struct Proof {
  std::string key, version;  // the canary's
  Lock lock;                 // as it is in the end
  std::vector<Check> checks;
  Micros clock_ahead{0};

  /// All that is wanted holds.
  bool holds() const;
};

/// An error: it could not be tried, which proves nothing; as Bucket's.
Result<Proof> probe(Bucket& bucket, const ProbeOptions& options);

}  // namespace stele::s3
