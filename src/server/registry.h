// Registry: the hosts a server knows, and the tokens that let new ones in
// (docs/formats/enrolment.md).
#pragma once

#include <functional>
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
  bool other_machine = false;  // the name was known as another machine's: a finding
  uint32_t epoch = 1;          // of its key
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

  /// The host that a token is for. kUnauthentic: it lets nobody in; see enrol().
  Result<std::string> host_of(const std::string& token) const;
  /// The host that this token let in before; nullopt: none. Not for who shows it: the peer hears of
  /// every token that is none the same.
  std::optional<std::string> used_for(const std::string& token) const;
  /// Uses up the token, once `admit` has said yes: it is called when the key is known, and before
  /// the host is. kUnauthentic: there is no such token, it was used before, or its time is over.
  /// Another error: the token is as good as before. `key`: what the host signs with; it is named
  /// after the host.
  using Admit = std::function<Status()>;
  Result<Enrolled> enrol(const std::string& token, const Hash& machine,
                         const crypto::PublicKey& key, const Admit& admit);

  /// kNotFound: nobody of that name was enrolled.
  Result<Host> find(const std::string& name) const;
  /// By name.
  Result<std::vector<Host>> all() const;
  /// From now on nothing of that host is taken. Revoking again changes nothing.
  Status revoke(const std::string& name);

 private:
  std::string host_path(const std::string& name) const;
  Result<std::string> open_token(const std::string& path) const;
  Result<bool> is_used(const std::string& path, const std::string& host) const;
  Result<uint32_t> add_key(const receipt::VerifierKey& key);

  os::FileSystem& files_;
  const ledger::Layout layout_;
  const std::string origin_;
  Clock& clock_;
  const RandomSource random_;
};

/// By name.
Result<std::vector<Host>> all_hosts(os::FileSystem& files, const ledger::Layout& layout);

std::string encode(const Host& host);
Result<Host> parse_host(std::string_view text);

}  // namespace stele::server
