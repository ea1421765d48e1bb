// A ledger's keys on disk: private seeds (mode 0600), the log's and the hosts' verifier keys.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "crypto/ed25519.h"
#include "os/file_system.h"
#include "receipt/note.h"
#include "segment/header.h"

namespace stele::ledger {

/// A named Ed25519 key: "stele-private-key-v1 <name> <base64 seed>\n".
struct PrivateKey {
  std::string name;
  crypto::SigningKey key;
};
crypto::SecretBytes encode(const PrivateKey& key);
Result<PrivateKey> parse_private_key(ByteSpan text);
Result<PrivateKey> load_private_key(os::FileSystem& files, const std::string& path);

/// The one verifier key of a .vkey file.
Result<receipt::VerifierKey> load_verifier_key(os::FileSystem& files, const std::string& path);

/// The origin of the log that a policy key was made with: what its hosts' keys are named by, also
/// in a successor (docs/formats/ledger.md). kCorrupt: not the name of a policy key.
Result<std::string> first_origin(const receipt::VerifierKey& policy_key);
/// The name of an enrolled host's signing keys in a log's ledger: ORIGIN/host/NAME.
std::string host_key_name(const std::string& origin, const std::string& host);

/// The hosts' signing keys by epoch.
class HostKeys {
 public:
  struct Entry {
    segment::HostKeyId id;
    uint32_t epoch;
    std::string name;
    crypto::PublicKey key;
  };
  /// host.vkey: one verifier key line each; epochs count the lines of one name, from 1.
  static Result<HostKeys> parse(std::string_view text);
  static Result<HostKeys> load(os::FileSystem& files, const std::string& path);

  /// nullptr: no such key in that epoch.
  const Entry* find(const segment::HostKeyId& id, uint32_t epoch) const;
  const std::vector<Entry>& entries() const { return entries_; }
  /// One more, of a name that none has.
  void add(Entry entry);

 private:
  std::vector<Entry> entries_;
  std::map<std::pair<segment::HostKeyId, uint32_t>, size_t> places_;  // in entries_
};

}  // namespace stele::ledger
