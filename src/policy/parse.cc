#include <algorithm>
#include <set>

#include "base/hex.h"
#include "policy/text.h"
#include "policy/words.h"
#include "receipt/note.h"
#include "receipt/text.h"

namespace stele::policy {
namespace {

using Words = std::vector<std::string_view>;

constexpr std::string_view kFirstLine = "stele-policy-v1";

std::string quoted(std::string_view text) { return "`" + std::string(text.substr(0, 80)) + "`"; }

/// What a terminal does not take for more than text: the banner is shown to people.
bool is_plain(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    const auto before = static_cast<uint8_t>(i > 0 ? text[i - 1] : 0);
    if (byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0)) return false;
  }
  return true;
}

Words split(std::string_view line) {
  Words words;
  while (!line.empty()) {
    const size_t end = std::min(line.find(' '), line.size());
    if (end > 0) words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

/// Reads a draft line by line. Errors name the line.
class Parser {
 public:
  Result<Policy> run(std::string_view text);

 private:
  Status line(std::string_view line);
  Status top(std::string_view line);
  Status head(std::string_view line);
  Status prune(const Words& words);
  Status retention(const Words& words);
  Status tag(const Words& words);
  Status keep(const Words& words);
  Status begin_block(const Words& words);
  Status end_block();
  Status inside(std::string_view line, const Words& words);
  Status term(std::string_view line, const Words& words);
  Status names(Conditions& conditions, Kind kind, const Words& words);
  Status input(const Words& words);
  Status transfers(const Words& words);
  Status patience(const Words& words);
  Status opening_wait(const Words& words);
  Status quota(const Words& words);
  Status banner(std::string_view line);
  Result<std::chrono::year_month_day> day(std::string_view text) const;
  Result<uint64_t> size(std::string_view number, std::string_view unit) const;
  Status is_exactly(const Words& words, std::string_view wanted) const;
  Status once(const std::string& what);

  tl::unexpected<Error> wrong(const std::string& what, Code code = Code::kCorrupt) const {
    return fail(code, "policy line " + std::to_string(line_) + ": " + what);
  }
  tl::unexpected<Error> unknown(std::string_view word,
                                std::initializer_list<std::string_view> known) const {
    const std::string_view meant = nearest(word, {known.begin(), known.size()});
    std::string what = quoted(word) + " is no word that can stand here";
    if (!meant.empty()) what += "; did you mean " + quoted(meant) + "?";
    return wrong(what);
  }

  Policy policy_;
  size_t line_ = 0, heads_ = 0;
  Role* role_ = nullptr;  // the block that is being read, if any: one of them
  Rule* rule_ = nullptr;
  std::set<std::string> said_;  // in this block
};

Result<Policy> Parser::run(std::string_view text) {
  if (text.size() > kPolicyBytesMax) return fail(Code::kLimit, "policy: more than 64 KiB");
  if (!receipt::is_note_text(text)) {
    return fail(Code::kCorrupt, "policy: not UTF-8, or a control character in it (a tab?)");
  }
  while (!text.empty()) {
    ++line_;
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return wrong("no newline at its end");
    TRY_VOID(line(text.substr(0, end)));
    text.remove_prefix(end + 1);
  }
  TRY_VOID(end_block());
  if (heads_ < 4) return fail(Code::kCorrupt, "policy: it ends before its day");
  return std::move(policy_);
}

Status Parser::line(std::string_view line) {
  const Words words = split(line);
  if (words.empty() || words[0].starts_with('#')) return {};
  if (!is_plain(line)) return wrong("a control character");
  if (heads_ < 4) return head(line);
  if (!line.starts_with(' ')) return top(line);
  if (role_ == nullptr && rule_ == nullptr) return wrong("belongs to no role and no rule");
  return inside(line, words);
}

Status Parser::head(std::string_view line) {
  switch (heads_++) {
    case 0:
      if (line != kFirstLine) return wrong("no policy: it begins with " + quoted(kFirstLine));
      return {};
    case 1:
      if (!receipt::is_key_name(line)) return wrong("the log's origin is wanted");
      policy_.origin = line;
      return {};
    case 2: {
      const auto version = receipt::parse_decimal(line, UINT32_MAX);
      if (!version || *version == 0) return wrong("the policy's version is wanted, from 1");
      policy_.version = *version;
      return {};
    }
    default: {
      TRY(policy_.day, day(line));
      return {};
    }
  }
}

Result<std::chrono::year_month_day> Parser::day(std::string_view text) const {
  const bool has_form = text.size() == 10 && text[4] == '-' && text[7] == '-';
  const auto part = [&](size_t at, size_t size) {
    const std::string_view digits = has_form ? text.substr(at, size) : "x";
    return std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })
               ? std::stoi(std::string(digits))
               : 0;
  };
  const std::chrono::year_month_day day{std::chrono::year(part(0, 4)),
                                        std::chrono::month(static_cast<unsigned>(part(5, 2))),
                                        std::chrono::day(static_cast<unsigned>(part(8, 2)))};
  if (!day.ok() || part(0, 4) == 0)
    return wrong("the day it was issued is wanted, like 2026-11-24");
  return day;
}

Status Parser::top(std::string_view line) {
  const Words words = split(line);
  if (words[0] == "prune") return prune(words);
  if (words[0] == "retention") return retention(words);
  if (words[0] == "tag") return tag(words);
  if (words[0] != "role" && words[0] != "rule" && words[0] != "recipients")
    return unknown(words[0], {"role", "rule", "recipients", "prune", "retention", "tag"});
  if (words.size() != 2) return wrong(quoted(words[0]) + " and one word more is wanted");
  if (words[0] != "recipients") return begin_block(words);
  const auto hash = from_hex(words[1]);
  if (!hash || hash->size() != sizeof(Hash))
    return wrong("the recipients list's SHA-256 is wanted, 64 hex digits");
  if (policy_.recipients) return wrong("a second `recipients`");
  policy_.recipients.emplace();
  std::copy(hash->begin(), hash->end(), policy_.recipients->begin());
  return {};
}

Status Parser::prune(const Words& words) {
  TRY_VOID(end_block());
  const auto key = words.size() == 2 ? receipt::VerifierKey::parse(words[1])
                                     : Result<receipt::VerifierKey>(fail(Code::kCorrupt, ""));
  if (!key || key->type != receipt::KeyType::kNote || key->name != policy_.origin + "/prune") {
    return wrong("`prune` and the verifier key of who may write that something expired, named " +
                 policy_.origin + "/prune");
  }
  if (!policy_.prune_key.empty()) return wrong("a second `prune`");
  policy_.prune_key = words[1];
  return {};
}

Status Parser::retention(const Words& words) {
  TRY_VOID(end_block());
  if (words.size() != 6 || words[2] != "class" || words[5] != "days")
    return wrong("a retention class is like `retention pci-dss class 1 366 days`");
  const auto number = receipt::parse_decimal(words[3], UINT8_MAX);
  const auto days = receipt::parse_decimal(words[4], kRetentionDaysMax);
  if (!number || *number == 0) return wrong("a class has a number from 1 to 255");
  if (!days || *days == 0)
    return wrong("a class keeps for 1 to " + std::to_string(kRetentionDaysMax) + " days");
  if (words[1].size() > kNameBytesMax) return wrong("a name of more than 255 bytes", Code::kLimit);
  if (find_class(policy_, words[1]) != nullptr)
    return wrong("a second retention class " + quoted(words[1]));
  if (find_class(policy_, static_cast<uint8_t>(*number)) != nullptr)
    return wrong("a second class " + std::to_string(*number));
  policy_.retention.push_back(
      {std::string(words[1]), static_cast<uint8_t>(*number), static_cast<uint32_t>(*days)});
  return {};
}

Status Parser::tag(const Words& words) {
  TRY_VOID(end_block());
  if (words.size() != 4 || words[2] != "retention")
    return wrong("a tag is like `tag incident retention long`");
  if (words[1].size() > kNameBytesMax) return wrong("a name of more than 255 bytes", Code::kLimit);
  if (find_class(policy_, words[3]) == nullptr)
    return wrong("retention class " + quoted(words[3]) + " is not defined above");
  const auto is_same = [&](const Tag& other) { return other.name == words[1]; };
  if (std::any_of(policy_.tags.begin(), policy_.tags.end(), is_same))
    return wrong("a second tag " + quoted(words[1]));
  if (policy_.tags.size() == kNamesMax) return wrong("more than 256 tags", Code::kLimit);
  policy_.tags.push_back({std::string(words[1]), std::string(words[3])});
  return {};
}

Status Parser::keep(const Words& words) {
  TRY_VOID(once("retention"));
  if (words.size() != 2) return wrong("`retention` and the name of a class");
  if (find_class(policy_, words[1]) == nullptr)
    return wrong("retention class " + quoted(words[1]) + " is not defined above");
  rule_->retention = words[1];
  return {};
}

Status Parser::begin_block(const Words& words) {
  TRY_VOID(end_block());
  if (words[1].size() > kNameBytesMax) return wrong("a name of more than 255 bytes", Code::kLimit);
  if (policy_.roles.size() + policy_.rules.size() == kRulesMax)
    return wrong("more than 1024 roles and rules", Code::kLimit);
  const auto is_same = [&](const auto& other) { return other.name == words[1]; };
  if (words[0] == "role") {
    if (std::any_of(policy_.roles.begin(), policy_.roles.end(), is_same))
      return wrong("a second role " + quoted(words[1]));
    role_ = &policy_.roles.emplace_back();
    role_->name = words[1];
    return {};
  }
  if (std::any_of(policy_.rules.begin(), policy_.rules.end(), is_same))
    return wrong("a second rule " + quoted(words[1]));
  rule_ = &policy_.rules.emplace_back();
  rule_->name = words[1];
  return {};
}

Status Parser::end_block() {
  if (role_ != nullptr && said_.empty())
    return wrong("role " + quoted(role_->name) + " ended with nobody in it");
  if (rule_ != nullptr && !rule_->is_recorded) {
    Rule bare;
    bare.name = rule_->name;
    bare.conditions = rule_->conditions;
    bare.is_recorded = false;
    bare.banner = rule_->banner;
    if (*rule_ != bare) {
      return wrong("rule " + quoted(rule_->name) +
                   " ended; what is not recorded has no terms but a banner");
    }
  }
  role_ = nullptr;
  rule_ = nullptr;
  said_.clear();
  return {};
}

Status Parser::inside(std::string_view line, const Words& words) {
  const size_t kinds = role_ != nullptr ? kMemberKindCount : kKindCount;
  Conditions& conditions = role_ != nullptr ? role_->members : rule_->conditions;
  for (size_t kind = 0; kind < kinds; ++kind) {
    if (words[0] == kind_name(static_cast<Kind>(kind)))
      return names(conditions, static_cast<Kind>(kind), words);
  }
  if (role_ != nullptr) return unknown(words[0], {"user", "login", "group"});
  return term(line, words);
}

Status Parser::once(const std::string& what) {
  if (!said_.insert(what).second) return wrong("a second " + quoted(what) + " in one block");
  return {};
}

Status Parser::names(Conditions& conditions, Kind kind, const Words& words) {
  TRY_VOID(once(std::string(words[0])));
  if (words.size() < 2) return wrong(quoted(words[0]) + " of what name?");
  if (words.size() - 1 > kNamesMax) return wrong("more than 256 names", Code::kLimit);
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string_view name = words[i];
    if (name.size() > kNameBytesMax) return wrong("a name of more than 255 bytes", Code::kLimit);
    const auto stars = std::count(name.begin(), name.end(), '*');
    const bool is_exact = kind == Kind::kGroup || kind == Kind::kRole;
    if (stars > (is_exact ? 0 : 1))
      return wrong(quoted(name) + (is_exact ? ": no * in names of groups and roles"
                                            : ": one * is the most in a name"));
    const auto is_it = [&](const Role& role) { return role.name == name; };
    if (kind == Kind::kRole && std::none_of(policy_.roles.begin(), policy_.roles.end(), is_it))
      return wrong("role " + quoted(name) + " is not defined above");
    conditions[static_cast<size_t>(kind)].emplace_back(name);
  }
  return {};
}

Status Parser::is_exactly(const Words& words, std::string_view wanted) const {
  if (words != split(wanted)) return wrong(quoted(wanted) + " is wanted");
  return {};
}

Status Parser::term(std::string_view line, const Words& words) {
  const std::string_view word = words[0];
  if (word == "banner") return banner(line);
  if (word == "quota") return quota(words);
  if (word == "open" || word == "closed") {
    TRY_VOID(once("open or closed"));
    rule_->open = word == "open";
    return is_exactly(words, word);
  }
  if (word == "input") return input(words);
  if (word == "lines") {
    TRY_VOID(once("lines facts"));
    rule_->lines_in_facts = true;
    return is_exactly(words, "lines facts");
  }
  if (word == "transfers") return transfers(words);
  if (word == "patience") return patience(words);
  if (word == "opening") return opening_wait(words);
  if (word == "not") {
    TRY_VOID(once("not recorded"));
    rule_->is_recorded = false;
    return is_exactly(words, "not recorded");
  }
  if (word == "output") {
    TRY_VOID(once("output none"));
    rule_->keeps_output = false;
    return is_exactly(words, "output none");
  }
  if (word == "retention") return keep(words);
  if (word == "break-glass") {
    TRY_VOID(once("break-glass allowed"));
    rule_->allows_break_glass = true;
    return is_exactly(words, "break-glass allowed");
  }
  return unknown(word, {"user", "login", "group", "role", "host", "service", "not", "input",
                        "output", "lines", "transfers", "open", "closed", "patience", "opening",
                        "quota", "retention", "break-glass", "banner"});
}

Status Parser::input(const Words& words) {
  TRY_VOID(once("input"));
  const std::string_view value = words.size() > 1 ? words[1] : "";
  rule_->input = event::parse_input_policy(value);
  if (!rule_->input) return unknown(value, {"all", "redact", "none"});
  rule_->is_input_fixed = words.size() > 2 && words[2] == "fixed";
  if (words.size() > (rule_->is_input_fixed ? 3U : 2U)) return unknown(words.back(), {"fixed"});
  return {};
}

Status Parser::transfers(const Words& words) {
  TRY_VOID(once("transfers"));
  const std::string_view value = words.size() > 1 ? words[1] : "";
  if (value != "digest" && value != "whole") return unknown(value, {"digest", "whole"});
  rule_->transfers_whole = value == "whole";
  return is_exactly(words, "transfers " + std::string(value));
}

Status Parser::patience(const Words& words) {
  TRY_VOID(once("patience"));
  const auto seconds = words.size() == 3 && words[2] == "seconds"
                           ? receipt::parse_decimal(words[1], kPatienceSecondsMax)
                           : fail(Code::kCorrupt, "");
  if (!seconds || *seconds == 0)
    return wrong("`patience`, 1 to " + std::to_string(kPatienceSecondsMax) + ", `seconds`");
  rule_->patience_seconds = static_cast<uint32_t>(*seconds);
  return {};
}

Status Parser::opening_wait(const Words& words) {
  TRY_VOID(once("opening wait"));
  const auto seconds = words.size() == 4 && words[1] == "wait" && words[3] == "seconds"
                           ? receipt::parse_decimal(words[2], kOpeningWaitSecondsMax)
                           : fail(Code::kCorrupt, "");
  if (!seconds)
    return wrong("`opening wait`, 0 to " + std::to_string(kOpeningWaitSecondsMax) + ", `seconds`");
  rule_->opening_wait_seconds = static_cast<uint32_t>(*seconds);
  return {};
}

Result<uint64_t> Parser::size(std::string_view number, std::string_view unit) const {
  static constexpr std::string_view kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  const auto at = std::find(std::begin(kUnits), std::end(kUnits), unit);
  if (at == std::end(kUnits)) return unknown(unit, {"bytes", "KiB", "MiB", "GiB", "TiB"});
  const auto shift = 10 * (at - std::begin(kUnits));
  const auto count = receipt::parse_decimal(number, kSizeMax >> shift);
  if (!count || *count == 0) return wrong(quoted(number) + " is no number from 1, or too large");
  return *count << shift;
}

Status Parser::quota(const Words& words) {
  if (words.size() != 6) {
    return wrong(
        "a quota is like `quota session 256 KiB per second`, `quota session 1 GiB in all`"
        " or `quota person 1 GiB per day`");
  }
  const std::string_view scope = words[1];
  Quota* quota = scope == "session"  ? &rule_->quotas.session
                 : scope == "person" ? &rule_->quotas.person
                 : scope == "host"   ? &rule_->quotas.host
                                     : nullptr;
  if (quota == nullptr) return unknown(scope, {"session", "person", "host"});
  TRY(const uint64_t bytes, size(words[2], words[3]));
  const std::string per = std::string(words[4]) + " " + std::string(words[5]);
  TRY_VOID(once("quota " + std::string(scope) + " … " + per));
  if (per == "per second") {
    if (bytes < kRateMin) return wrong("less than 1 KiB per second");
    quota->bytes_per_second = bytes;
    return {};
  }
  const std::string_view volume = scope == "session" ? "in all" : "per day";
  if (per != volume)
    return wrong("a quota of a " + std::string(scope) + " is `per second` or " + quoted(volume));
  quota->bytes = bytes;
  return {};
}

Status Parser::banner(std::string_view line) {
  line.remove_prefix(line.find("banner") + std::string_view("banner").size());
  if (line.starts_with(' ')) line.remove_prefix(1);
  if (rule_->banner) {
    *rule_->banner += '\n';
  } else {
    rule_->banner.emplace();
  }
  *rule_->banner += line;
  if (rule_->banner->size() > kBannerBytesMax)
    return wrong("a banner of more than 4096 bytes", Code::kLimit);
  return {};
}

}  // namespace

Result<Policy> parse_draft(std::string_view text) { return Parser().run(text); }

Result<Policy> parse_policy(std::string_view text) {
  TRY(Policy policy, parse_draft(text));
  const std::string spelled = encode(policy);
  if (spelled == text) return policy;
  const auto [here, there] =
      std::mismatch(text.begin(), text.end(), spelled.begin(), spelled.end());
  const auto number = 1 + std::count(text.begin(), here, '\n');
  const size_t begin = spelled.substr(0, there - spelled.begin()).rfind('\n') + 1;
  const std::string line = spelled.substr(begin, spelled.find('\n', begin) - begin);
  return fail(Code::kCorrupt, "policy line " + std::to_string(number) +
                                  ": not in its one spelling, " + quoted(line) +
                                  "; `stele policy sign` writes it");
}

}  // namespace stele::policy
