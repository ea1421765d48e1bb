// Registry: the hosts a server knows, and the tokens that let new ones in
// (docs/formats/enrolment.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "ledger/layout.h"
#include "os/file_system.h"
#include "receipt/note.h"

namespace stele::server {

struct Host {
  std::string name;
  Hash machine{};            // of the machine's id
  receipt::VerifierKey key;  // the newest it signs with
  WallTime enrolled;
  std::optional<WallTime> revoked;
};

struct Enrolled {
  Host host;
  bool again = false;          // the name was known
  bool other_machine = false;  // and was another machine's: a finding
};

/// Not thread-safe. Everything is durable when a call returns.
class Registry {
 public:
  /// `origin`: the log's name.
  Registry(os::FileSystem& files, ledger::Layout layout, std::string origin, Clock& clock,
           RandomSource random);

  /// A new token, to be shown once. kInvalid: no name for a host, or a life that is not 1 minute to
  /// 7 days.
  Result<std::string> create_token(const std::string& host, Micros life);

  /// Uses up the token. kUnauthentic: there is no such token, it was used before, or its time is
  /// over. `key`: what the host signs with; it is named after the host.
  Result<Enrolled> enrol(const std::string& token, const Hash& machine,
                         const crypto::PublicKey& key);

  /// kNotFound: nobody of that name was enrolled.
  Result<Host> find(const std::string& name) const;
  /// By name.
  Result<std::vector<Host>> all() const;
  /// From now on nothing of that host is taken. Revoking again changes nothing.
  Status revoke(const std::string& name);

 private:
  std::string host_path(const std::string& name) const;
  Result<std::string> open_token(const std::string& path) const;
  Status add_key(const receipt::VerifierKey& key);

  os::FileSystem& files_;
  const ledger::Layout layout_;
  const std::string origin_;
  Clock& clock_;
  const RandomSource random_;
};

std::string encode(const Host& host);
Result<Host> parse_host(std::string_view text);

}  // namespace stele::server
