#include "policy/decide.h"

#include <algorithm>

namespace stele::policy {
namespace {

bool fits(std::string_view pattern, std::string_view word) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == word;
  const std::string_view front = pattern.substr(0, star), back = pattern.substr(star + 1);
  return word.size() >= front.size() + back.size() && word.starts_with(front) &&
         word.ends_with(back);
}

bool any_fits(const Names& patterns, const Names& words) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return std::any_of(words.begin(), words.end(),
                       [&](const std::string& word) { return fits(pattern, word); });
  });
}

const Names& of(const Conditions& conditions, Kind kind) {
  return conditions[static_cast<size_t>(kind)];
}

bool has_role(const Role& role, const Subject& subject) {
  return any_fits(of(role.members, Kind::kUser), subject.users) ||
         any_fits(of(role.members, Kind::kLogin), subject.logins) ||
         any_fits(of(role.members, Kind::kGroup), subject.groups);
}

bool fits(const Rule& rule, const Subject& subject, const Names& roles) {
  const auto holds = [&](Kind kind, const Names& words) {
    const Names& wanted = of(rule.conditions, kind);
    return wanted.empty() || any_fits(wanted, words);
  };
  return holds(Kind::kUser, subject.users) && holds(Kind::kLogin, subject.logins) &&
         holds(Kind::kGroup, subject.groups) && holds(Kind::kRole, roles) &&
         holds(Kind::kHost, {subject.host}) && holds(Kind::kService, {subject.service});
}

Terms terms_of(const Rule& rule, uint32_t number) {
  const Terms otherwise;
  Terms terms;
  terms.rule = number;
  terms.rule_name = rule.name;
  terms.is_recorded = rule.is_recorded;
  terms.input = rule.input.value_or(otherwise.input);
  terms.is_input_fixed = rule.is_input_fixed;
  terms.keeps_output = rule.keeps_output;
  terms.lines_in_facts = rule.lines_in_facts;
  terms.open = rule.open.value_or(otherwise.open);
  terms.patience_seconds = rule.patience_seconds.value_or(otherwise.patience_seconds);
  terms.transfers_whole = rule.transfers_whole.value_or(otherwise.transfers_whole);
  terms.opening_wait_seconds = rule.opening_wait_seconds.value_or(otherwise.opening_wait_seconds);
  terms.quotas = rule.quotas;
  terms.allows_break_glass = rule.allows_break_glass;
  terms.banner = rule.banner.value_or("");
  return terms;
}

void keep_for(const Policy& policy, const Rule& rule, Terms& terms) {
  const RetentionClass* const kept = find_class(policy, rule.retention);
  if (kept == nullptr) return;
  terms.retention = kept->name;
  terms.retention_class = kept->number;
  terms.retention_days = kept->days;
  for (const Tag& tag : policy.tags) {
    if (const RetentionClass* const by = find_class(policy, tag.retention))
      terms.tagged.push_back({tag.name, by->number, by->days});
  }
}

}  // namespace

std::vector<std::string> roles_of(const Policy& policy, const Subject& subject) {
  Names roles;
  for (const Role& role : policy.roles) {
    if (has_role(role, subject)) roles.push_back(role.name);
  }
  return roles;
}

const RetentionClass* find_class(const Policy& policy, std::string_view name) {
  const auto found = std::find_if(policy.retention.begin(), policy.retention.end(),
                                  [&](const RetentionClass& c) { return c.name == name; });
  return found == policy.retention.end() ? nullptr : &*found;
}

const RetentionClass* find_class(const Policy& policy, uint8_t number) {
  const auto found = std::find_if(policy.retention.begin(), policy.retention.end(),
                                  [&](const RetentionClass& c) { return c.number == number; });
  return found == policy.retention.end() ? nullptr : &*found;
}

// Who writes a title may ask for more, never for less: for ever is longer than any class.
uint8_t retention_class(const Terms& terms, std::string_view title) {
  uint8_t number = terms.retention_class;
  uint32_t days = terms.retention_days;
  while (number != 0 && !title.empty()) {
    const size_t end = std::min(title.find(' '), title.size());
    const std::string_view word = title.substr(0, end);
    title.remove_prefix(std::min(end + 1, title.size()));
    for (const RetentionClass& tag : terms.tagged) {
      if (!word.starts_with('#') || word.substr(1) != tag.name || tag.days <= days) continue;
      number = tag.number;
      days = tag.days;
    }
  }
  return number;
}

Terms decide(const Policy& policy, const Subject& subject) {
  const Names roles = roles_of(policy, subject);
  uint32_t number = 0;
  for (const Rule& rule : policy.rules) {
    ++number;
    if (!fits(rule, subject, roles)) continue;
    Terms terms = terms_of(rule, number);
    keep_for(policy, rule, terms);
    return terms;
  }
  return {};
}

event::InputPolicy tightened(const Terms& terms, event::InputPolicy wish) {
  // all < redact < none: the greater keeps less.
  return terms.is_input_fixed ? terms.input : std::max(terms.input, wish);
}

std::set<std::string> named_groups(const Policy& policy) {
  std::set<std::string> names;
  const auto add = [&](const Conditions& conditions) {
    const Names& groups = of(conditions, Kind::kGroup);
    names.insert(groups.begin(), groups.end());
  };
  for (const Role& role : policy.roles) add(role.members);
  for (const Rule& rule : policy.rules) add(rule.conditions);
  return names;
}

}  // namespace stele::policy
