#include "policy/signed.h"

#include "base/hex.h"
#include "crypto/sha256.h"
#include "policy/text.h"

namespace stele::policy {

Result<SignedPolicy> open_policy(ByteSpan note, const receipt::VerifierKey& policy_key) {
  if (note.size() > kPolicyBytesMax) return fail(Code::kLimit, "policy: more than 64 KiB");
  TRY(const auto opened, receipt::open_note(note, {&policy_key, 1}));
  TRY(Policy policy, parse_policy(opened.text));
  return SignedPolicy{std::move(policy), crypto::sha256(note)};
}

Status check_home(const Policy& policy, const Home& home) {
  if (policy.origin != home.origin) {
    return fail(Code::kInvalid, "policy: it is for hosts of the log " + policy.origin +
                                    ", and this one's is " + home.origin);
  }
  if (policy.recipients && *policy.recipients != home.recipients) {
    return fail(Code::kInvalid, "policy: it goes with the recipients list " +
                                    to_hex(*policy.recipients) + ", and this host has " +
                                    to_hex(home.recipients));
  }
  return {};
}

namespace {

Status check_classes(const Policy& believed, const Policy& offered) {
  for (const RetentionClass& before : believed.retention) {
    const RetentionClass* const now = find_class(offered, before.number);
    if (now != nullptr && now->name == before.name && now->days >= before.days) continue;
    return fail(Code::kConflict,
                "policy: retention class " + std::to_string(before.number) + " (" + before.name +
                    ", " + std::to_string(before.days) +
                    " days) is shortened, renamed or left out; it can only be extended");
  }
  return {};
}

}  // namespace

Status check_succession(const SignedPolicy& believed, const SignedPolicy& offered) {
  const uint64_t before = believed.policy.version, now = offered.policy.version;
  if (now < before) {
    return fail(Code::kConflict, "policy: version " + std::to_string(now) +
                                     " is older than version " + std::to_string(before) +
                                     ", which holds");
  }
  if (now == before && offered.hash != believed.hash) {
    return fail(Code::kConflict, "policy: another version " + std::to_string(now) +
                                     " is believed already; give a change a new version");
  }
  return check_classes(believed.policy, offered.policy);
}

}  // namespace stele::policy
