// What holds for a session.
#pragma once

#include <set>

#include "policy/policy.h"

namespace stele::policy {

/// Who begins a session, where and by what; empty: not known, and fits nothing but `*`.
struct Subject {
  Names users;   // the real uid's name, and its number
  Names logins;  // the login uid's, likewise
  Names groups;  // names and numbers
  std::string host;
  std::string service;
};

struct Terms {
  uint32_t rule = 0;  // from 1; 0: none fits
  std::string rule_name;
  bool is_recorded = true;
  event::InputPolicy input = event::InputPolicy::kRedact;
  bool is_input_fixed = false;
  bool keeps_output = true;
  bool lines_in_facts = false;
  bool transfers_whole = false;
  bool open = false;
  uint32_t patience_seconds = kPatienceSeconds;
  uint32_t opening_wait_seconds = kOpeningWaitSeconds;
  Quotas quotas;
  bool allows_break_glass = false;
  std::string banner;
  uint8_t retention_class = 0;              // 0: for ever
  uint32_t retention_days = 0;              // the same
  std::string retention;                    // the class's name; empty: for ever
  std::vector<RetentionClass> tagged = {};  // by tag, whose name they have here
  bool operator==(const Terms&) const = default;
};

/// By the first rule that fits.
Terms decide(const Policy& policy, const Subject& subject);

/// What is kept where a rule says `input` and the person asks for `wish`: flags only tighten.
event::InputPolicy tightened(const Terms& terms, event::InputPolicy wish);

/// The retention class of a session of that title: the rule's, or a tag's that keeps it longer.
uint8_t retention_class(const Terms& terms, std::string_view title);

/// The roles that a subject has.
std::vector<std::string> roles_of(const Policy& policy, const Subject& subject);

/// The groups that the policy asks about.
std::set<std::string> named_groups(const Policy& policy);

}  // namespace stele::policy
