// Made: what is being made of a ledger, and goes again unless all of it was.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "ledger/keys.h"
#include "ledger/layout.h"

namespace stele::ledger {

/// kExists: there is a ledger, or part of one.
Status check_empty(os::FileSystem& files, const Layout& layout);
/// What a log may be called.
Status check_origin(std::string_view origin);

/// Half a ledger would be in the way of the next attempt, and holds keys that nobody needs: what
/// was made goes again unless all of it was. Never what another init made meanwhile.
class Made {
 public:
  explicit Made(os::FileSystem& files) : files_(files) {}
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;
  ~Made();

  Status put(const std::string& path, ByteSpan bytes);
  void add(const std::string& path) { paths_.push_back(path); }
  void keep() { paths_.clear(); }

 private:
  bool has(const std::string& path, ByteSpan bytes);

  os::FileSystem& files_;
  std::vector<std::string> paths_;
};

receipt::VerifierKey verifier_key(const PrivateKey& key);
/// A new key, in a file.
Result<PrivateKey> make_key(Made& made, const std::string& name, const std::string& path,
                            const RandomSource& random);
Status put_verifier_key(Made& made, const std::string& path, const receipt::VerifierKey& key);

/// Head and first checkpoint, of whatever leaves the volumes hold; then the log's verifier key,
/// which makes the directory a ledger.
Status begin_log(os::FileSystem& files, const Layout& layout, Made& made, PrivateKey log,
                 Clock& clock);

}  // namespace stele::ledger
