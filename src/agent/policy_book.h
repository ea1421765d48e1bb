// PolicyBook: the policy that holds on this host, and what it says of a recorder's session
// (docs/formats/policy.md, docs/formats/agent-state.md).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "agent/quota.h"
#include "agent/session_host.h"
#include "agent/sudo_start.h"
#include "os/file_system.h"
#include "policy/signed.h"

namespace stele::agent {

/// Where a policy comes from, and for whom.
struct PolicyPlace {
  std::string path;                  // where somebody puts it; need not be there
  std::string directory;             // durable, this host's own: holds what was believed
  receipt::VerifierKey key;          // pinned
  std::string origin;                // of the log
  std::function<Hash()> recipients;  // the list that is sealed for; it changes
  std::string host;                  // its name, as it enrolled
  std::optional<uint32_t> recorder_group;
};

/// begin() and refresh() are one thread's; the others any thread's.
class PolicyBook {
 public:
  /// What somebody should hear of; without a rule, in the journal alone. Called from several
  /// threads.
  using Tell = std::function<void(const event::Finding&)>;
  PolicyBook(os::FileSystem& files, PolicyPlace place, Clock& clock, Tell tell)
      : files_(files), place_(std::move(place)), quotas_(clock), tell_(std::move(tell)) {}

  /// What was believed last holds, and then what lies there now. kUnauthentic, kCorrupt: the
  /// memory is not what this host's policy key signed; a person has to look.
  Status begin();
  /// A new policy holds from here on, if it is signed, for this host, and not older; otherwise what
  /// held goes on holding, and that is told, once.
  void refresh();

  Policy policy_for(const os::Peer& peer);
  /// Of a session that sudo's log protocol tells of.
  Policy policy_for_sudo(const Submitter& who);

  /// Sessions that were not recorded because policy leaves them out, since the agent started.
  uint64_t left_out() const { return left_out_.load(); }

 private:
  struct Believed {
    policy::SignedPolicy policy;
    std::set<std::string> groups;  // that it asks about
  };
  using Current = std::shared_ptr<const Believed>;

  std::string memory() const { return place_.directory + "/policy"; }
  Current current() const;
  void believe(policy::SignedPolicy policy);
  template <typename Who>
  Policy decide(const Who& who, uint32_t uid);
  Status offer(const Bytes& note, const policy::Home& home);
  void tell_once(const char* rule, const std::string& what);
  void note(const Notice& notice);

  os::FileSystem& files_;
  const PolicyPlace place_;
  Quotas quotas_;
  const Tell tell_;
  std::optional<Bytes> seen_;  // what lay there when it was decided on last,
  Hash seen_with_{};           // and the list that it was held against
  std::string told_;
  std::atomic<uint64_t> left_out_{0};
  mutable std::mutex mutex_;  // guards current_
  Current current_;           // none: no policy
};

}  // namespace stele::agent
