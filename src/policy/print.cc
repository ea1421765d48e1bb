#include <algorithm>
#include <iterator>

#include "base/hex.h"
#include "policy/text.h"

namespace stele::policy {
namespace {

void print_names(std::string& out, const Conditions& conditions) {
  for (size_t kind = 0; kind < kKindCount; ++kind) {
    if (conditions[kind].empty()) continue;
    out += "  ";
    out += kind_name(static_cast<Kind>(kind));
    for (const std::string& name : conditions[kind]) out += " " + name;
    out += '\n';
  }
}

void print_quota(std::string& out, std::string_view scope, const Quota& quota,
                 std::string_view volume) {
  const std::string front = "  quota " + std::string(scope) + " ";
  if (quota.bytes_per_second > 0)
    out += front + size_text(quota.bytes_per_second) + " per second\n";
  if (quota.bytes > 0) out += front + size_text(quota.bytes) + " " + std::string(volume) + "\n";
}

void print_banner(std::string& out, std::string_view banner) {
  for (;;) {
    const size_t end = banner.find('\n');
    const std::string_view line = banner.substr(0, end);
    out += "  banner";
    if (!line.empty()) out += " " + std::string(line);
    out += '\n';
    if (end == std::string_view::npos) return;
    banner.remove_prefix(end + 1);
  }
}

void print(std::string& out, const Rule& rule) {
  out += "rule " + rule.name + "\n";
  print_names(out, rule.conditions);
  if (!rule.is_recorded) out += "  not recorded\n";
  if (rule.input) {
    out += "  input " + std::string(event::input_policy_name(*rule.input));
    out += rule.is_input_fixed ? " fixed\n" : "\n";
  }
  if (!rule.keeps_output) out += "  output none\n";
  if (rule.lines_in_facts) out += "  lines facts\n";
  if (rule.transfers_whole)
    out += *rule.transfers_whole ? "  transfers whole\n" : "  transfers digest\n";
  if (rule.open) out += *rule.open ? "  open\n" : "  closed\n";
  if (rule.patience_seconds)
    out += "  patience " + std::to_string(*rule.patience_seconds) + " seconds\n";
  if (rule.opening_wait_seconds)
    out += "  opening wait " + std::to_string(*rule.opening_wait_seconds) + " seconds\n";
  print_quota(out, "session", rule.quotas.session, "in all");
  print_quota(out, "person", rule.quotas.person, "per day");
  print_quota(out, "host", rule.quotas.host, "per day");
  if (!rule.retention.empty()) out += "  retention " + rule.retention + "\n";
  if (rule.allows_break_glass) out += "  break-glass allowed\n";
  if (rule.banner) print_banner(out, *rule.banner);
}

std::string digits(unsigned number, size_t width) {
  const std::string text = std::to_string(number);
  return std::string(width - std::min(width, text.size()), '0') + text;
}

std::string day_text(std::chrono::year_month_day day) {
  return digits(static_cast<unsigned>(static_cast<int>(day.year())), 4) + "-" +
         digits(static_cast<unsigned>(day.month()), 2) + "-" +
         digits(static_cast<unsigned>(day.day()), 2);
}

}  // namespace

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::kUser:
      return "user";
    case Kind::kLogin:
      return "login";
    case Kind::kGroup:
      return "group";
    case Kind::kRole:
      return "role";
    case Kind::kHost:
      return "host";
    case Kind::kService:
      return "service";
  }
  return "";
}

std::string size_text(uint64_t bytes) {
  static constexpr std::string_view kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (; unit + 1 < std::size(kUnits) && bytes > 0 && bytes % 1024 == 0; ++unit) bytes /= 1024;
  return std::to_string(bytes) + " " + std::string(kUnits[unit]);
}

std::string encode(const Policy& policy) {
  std::string out = "stele-policy-v1\n" + policy.origin + "\n" + std::to_string(policy.version) +
                    "\n" + day_text(policy.day) + "\n";
  if (policy.recipients) out += "recipients " + to_hex(*policy.recipients) + "\n";
  if (!policy.prune_key.empty()) out += "prune " + policy.prune_key + "\n";
  for (const RetentionClass& each : policy.retention) {
    out += "retention " + each.name + " class " + std::to_string(each.number) + " " +
           std::to_string(each.days) + " days\n";
  }
  for (const Tag& tag : policy.tags)
    out += "tag " + tag.name + " retention " + tag.retention + "\n";
  for (const Role& role : policy.roles) {
    out += "role " + role.name + "\n";
    print_names(out, role.members);
  }
  for (const Rule& rule : policy.rules) print(out, rule);
  return out;
}

}  // namespace stele::policy
