#include "base/check.h"
#include "base/fuzz.h"
#include "policy/decide.h"
#include "policy/text.h"

// What is accepted has one spelling; what a person wrote can always be spelled.
STELE_FUZZ(policy, input) {
  const std::string_view text = stele::as_text(input);
  if (const auto policy = stele::policy::parse_policy(text)) {
    CHECK(stele::policy::encode(*policy) == text);
    (void)stele::policy::decide(*policy, {{"alice"}, {"alice"}, {"wheel"}, "web01", "sshd"});
  }
  if (const auto draft = stele::policy::parse_draft(text)) {
    const std::string spelled = stele::policy::encode(*draft);
    if (spelled.size() > stele::policy::kPolicyBytesMax) return;  // two spaces where there was one
    const auto again = stele::policy::parse_policy(spelled);
    CHECK(again && *again == *draft);
  }
}
