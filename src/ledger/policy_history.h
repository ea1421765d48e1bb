// PolicyHistory: the signed policies that a ledger has had, for what they say of retention
// (docs/formats/policy.md, "Retention").
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "ledger/keys.h"
#include "ledger/layout.h"
#include "os/file_system.h"
#include "policy/signed.h"

namespace stele::ledger {

class PolicyHistory {
 public:
  /// `policy` and all in `policy.d`. What the policy key did not sign, or is another log's, counts
  /// for nothing. An error: something there could not be read.
  static Result<PolicyHistory> load(os::FileSystem& files, const Layout& layout);

  bool empty() const { return all_.empty(); }
  /// How many days a class keeps at least, by the policies issued up to that day; nullopt: none of
  /// them has it.
  std::optional<uint32_t> days(uint8_t retention_class, uint32_t by_day) const;
  /// The fewest that any of them ever gave it.
  std::optional<uint32_t> days_min(uint8_t retention_class) const;
  /// Keys that may write that something expired: those of any policy.
  std::vector<HostKeys::Entry> prune_keys() const;
  /// Whether this one may on that day: no policy of an earlier day, and a later version, names
  /// another.
  bool may_prune(const segment::HostKeyId& key, uint32_t day) const;

 private:
  struct Known {
    policy::SignedPolicy policy;
    uint32_t day = 0;
    std::optional<HostKeys::Entry> prune_key;
  };
  void add(policy::SignedPolicy policy);

  std::vector<Known> all_;
};

/// A server's policy: where somebody puts it, and every one that was believed. Not thread-safe. The
/// policy key is that of the moment when it was opened.
class PolicyStore {
 public:
  /// Nothing is there: it has none.
  static Result<PolicyStore> open(os::FileSystem& files, const Layout& layout);

  /// Looks again. What the policy key signed, for this log, and follows what was believed, is kept
  /// for ever and then believed. An error: it is not taken; what was believed goes on.
  Status refresh();
  /// nullptr: there is none.
  const std::shared_ptr<const policy::SignedPolicy>& current() const { return current_; }

 private:
  PolicyStore(os::FileSystem& files, Layout layout, receipt::VerifierKey key, std::string origin)
      : files_(&files),
        layout_(std::move(layout)),
        key_(std::move(key)),
        origin_(std::move(origin)) {}
  Status take_kept();

  os::FileSystem* files_;
  Layout layout_;
  receipt::VerifierKey key_;
  std::string origin_;
  std::shared_ptr<const policy::SignedPolicy> current_;
  Bytes seen_;
};

/// Until which day a segment of that class is kept that is received then; 0: for ever.
uint32_t retain_until(const policy::Policy& policy, uint8_t retention_class, WallTime received);

}  // namespace stele::ledger
