// A policy that somebody signed, and which of two is to be believed.
#pragma once

#include "policy/policy.h"
#include "receipt/note.h"

namespace stele::policy {

struct SignedPolicy {
  Policy policy;
  Hash hash{};  // of the signed note
};

/// kUnauthentic unless the policy key signed it; kCorrupt or kLimit: no policy, by line.
Result<SignedPolicy> open_policy(ByteSpan note, const receipt::VerifierKey& policy_key);

/// Where it holds.
struct Home {
  std::string origin;  // of the log
  Hash recipients{};   // of the signed recipients list
};
/// kInvalid: it is another log's, or for another recipients list.
Status check_home(const Policy& policy, const Home& home);

/// Versions never go back, and retention classes are only extended: kConflict if `offered` is older
/// than `believed`, or of the same version and another, or does less with a class.
Status check_succession(const SignedPolicy& believed, const SignedPolicy& offered);

}  // namespace stele::policy
