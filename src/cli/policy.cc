#include <algorithm>
#include <cstdio>
#include <functional>

#include "base/hex.h"
#include "cli/commands.h"
#include "codec/json.h"
#include "policy/decide.h"
#include "policy/signed.h"
#include "policy/text.h"

namespace stele::cli {
namespace {

/// A policy in a file: a draft, or one that somebody signed.
struct Read {
  policy::Policy policy;
  bool is_signed = false, is_verified = false;
  std::optional<Hash> hash;  // of the signed note
};

/// The policy key that a signature is held against: --key, else the ledger's; none if neither is
/// there.
Result<std::optional<receipt::VerifierKey>> policy_key(Context& context, const std::string& file) {
  const std::string path = file.empty() ? context.layout.policy_vkey() : file;
  if (file.empty() && !context.files.exists(path)) return std::nullopt;
  TRY(auto key, ledger::load_verifier_key(context.files, path));
  return key;
}

Result<Read> read_policy(Context& context, const PolicyOptions& options) {
  TRY(const Bytes bytes, context.files.read(options.file, policy::kPolicyBytesMax));
  const auto note = receipt::parse_note(bytes);
  if (!note) {
    TRY(auto draft, policy::parse_draft(as_text(bytes)));
    return Read{std::move(draft), false, false, std::nullopt};
  }
  TRY(const auto key, policy_key(context, options.key));
  if (!key) {
    TRY(auto policy, policy::parse_policy(note->text));
    return Read{std::move(policy), true, false, std::nullopt};
  }
  TRY(auto opened, policy::open_policy(bytes, *key));
  return Read{std::move(opened.policy), true, true, opened.hash};
}

int with_policy(Context& context, const PolicyOptions& options,
                const std::function<void(const Read&)>& work) {
  auto read = read_policy(context, options);
  if (!read) return report(std::move(read).error().within(options.file));
  work(*read);
  if (!read->is_signed || read->is_verified) return kExitOk;
  warn("whose signature it is, was not checked: no policy key here; give one with --key FILE");
  return kExitUnknown;
}

std::string_view state_of(const Read& read) {
  return read.is_verified ? "signed" : read.is_signed ? "not checked" : "draft";
}

void print_summary(Context& context, const Read& read) {
  const policy::Policy& p = read.policy;
  if (context.json) {
    std::string out;
    codec::JsonWriter json(out);
    json.begin_object().key("origin").text(p.origin).key("version").number(p.version);
    json.key("state").text(state_of(read)).key("rules").begin_array();
    for (const policy::Rule& rule : p.rules) json.text(rule.name);
    json.end_array();
    if (read.hash) json.key("hash").text(to_hex(*read.hash));
    json.end_object();
    std::printf("%s\n", out.c_str());
    return;
  }
  std::printf("policy version %s for %s, rules: %zu, roles: %zu; %s\n",
              std::to_string(p.version).c_str(), printable(p.origin).c_str(), p.rules.size(),
              p.roles.size(), std::string(state_of(read)).c_str());
  if (read.hash) std::printf("SHA-256 %s\n", to_hex(*read.hash).c_str());
}

void add_quota(std::vector<std::pair<std::string, std::string>>& lines, const std::string& scope,
               const policy::Quota& quota, const std::string& volume) {
  if (quota.bytes_per_second > 0)
    lines.emplace_back("quota",
                       scope + " " + policy::size_text(quota.bytes_per_second) + " per second");
  if (quota.bytes > 0)
    lines.emplace_back("quota", scope + " " + policy::size_text(quota.bytes) + " " + volume);
}

std::vector<std::pair<std::string, std::string>> lines_of(const policy::Terms& terms) {
  std::vector<std::pair<std::string, std::string>> lines;
  lines.emplace_back("recorded", terms.is_recorded ? "yes" : "no");
  if (terms.is_recorded) {
    lines.emplace_back("input", std::string(event::input_policy_name(terms.input)) +
                                    (terms.is_input_fixed ? ", whatever flags say"
                                                          : ", or less if a flag says so"));
    lines.emplace_back("output", terms.keeps_output ? "kept" : "none");
    lines.emplace_back("lines", terms.lines_in_facts ? "in facts" : "with the input");
    lines.emplace_back("transfers", terms.transfers_whole
                                        ? "whole"
                                        : "a file's content by its digest, where it is followed");
    lines.emplace_back("mode", terms.open ? "open: without its agent it goes on, and leaves a gap"
                                          : "closed: no record, no session");
    lines.emplace_back("patience", std::to_string(terms.patience_seconds) + " seconds");
    lines.emplace_back("opening wait", std::to_string(terms.opening_wait_seconds) + " seconds");
    add_quota(lines, "session", terms.quotas.session, "in all");
    add_quota(lines, "person", terms.quotas.person, "per day");
    add_quota(lines, "host", terms.quotas.host, "per day");
    lines.emplace_back("retention", terms.retention.empty()
                                        ? "for ever"
                                        : terms.retention + ", class " +
                                              std::to_string(terms.retention_class) + ": " +
                                              std::to_string(terms.retention_days) +
                                              " days, or longer by a tag");
    lines.emplace_back("break-glass", terms.allows_break_glass ? "allowed" : "not allowed");
  }
  std::string_view banner = terms.banner;
  while (!banner.empty()) {
    const size_t end = std::min(banner.find('\n'), banner.size());
    lines.emplace_back("banner", banner.substr(0, end));
    banner.remove_prefix(std::min(end + 1, banner.size()));
  }
  return lines;
}

void print_terms(Context& context, const policy::Terms& terms) {
  if (!context.json) {
    std::printf("%s\n", terms.rule == 0 ? "no rule fits"
                                        : ("rule " + std::to_string(terms.rule) + ", " +
                                           printable(terms.rule_name) + ", fits")
                                              .c_str());
    for (const auto& [name, value] : lines_of(terms))
      std::printf("  %-12s %s\n", name.c_str(), value.c_str());
    return;
  }
  std::string out;
  codec::JsonWriter json(out);
  json.begin_object().key("rule").number(terms.rule).key("name").text(terms.rule_name);
  json.key("recorded").boolean(terms.is_recorded);
  json.key("input").text(event::input_policy_name(terms.input));
  json.key("input_fixed").boolean(terms.is_input_fixed).key("output").boolean(terms.keeps_output);
  json.key("lines_in_facts").boolean(terms.lines_in_facts);
  json.key("open").boolean(terms.open).key("patience_seconds").number(terms.patience_seconds);
  json.key("transfers").text(terms.transfers_whole ? "whole" : "digest");
  json.key("opening_wait_seconds").number(terms.opening_wait_seconds);
  json.key("retention").begin_object().key("name").text(terms.retention);
  json.key("class").number(terms.retention_class).key("days").number(terms.retention_days);
  json.end_object();
  json.key("break_glass").boolean(terms.allows_break_glass).key("banner").text(terms.banner);
  json.key("quotas").begin_object();
  for (const auto& [name, quota] :
       {std::pair{"session", &terms.quotas.session}, std::pair{"person", &terms.quotas.person},
        std::pair{"host", &terms.quotas.host}}) {
    json.key(name).begin_object().key("bytes_per_second").number(quota->bytes_per_second);
    json.key("bytes").number(quota->bytes).end_object();
  }
  json.end_object().end_object();
  std::printf("%s\n", out.c_str());
}

Status run_sign(Context& context, const PolicyOptions& options) {
  TRY(const Bytes bytes, context.files.read(options.file, policy::kPolicyBytesMax));
  auto draft = policy::parse_draft(as_text(bytes));
  if (!draft) return fail(std::move(draft).error().within(options.file));
  TRY(auto key,
      ledger::load_private_key(context.files,
                               options.key.empty() ? context.layout.policy_key() : options.key));
  if (key.name != draft->origin + "/policy") {
    return fail(Code::kInvalid, "this policy is for the log " + draft->origin +
                                    ", and the key is " + key.name + ": hosts would refuse it");
  }
  TRY(const auto signer, receipt::NoteSigner::make(key.name, std::move(key.key)));
  TRY(const std::string note, signer.sign(policy::encode(*draft)));
  TRY_VOID(policy::open_policy(as_bytes(note), signer.key()));  // what no host would take
  if (!options.output.empty()) return context.files.replace(options.output, as_bytes(note));
  std::fwrite(note.data(), 1, note.size(), stdout);
  return {};
}

}  // namespace

int check_policy(Context& context, const PolicyOptions& options) {
  return with_policy(context, options, [&](const Read& read) { print_summary(context, read); });
}

int show_policy(Context& context, const PolicyOptions& options) {
  return with_policy(context, options, [&](const Read& read) {
    if (context.json) return print_summary(context, read);
    std::printf("%s", policy::encode(read.policy).c_str());
  });
}

int explain_policy(Context& context, const PolicyOptions& options) {
  return with_policy(context, options, [&](const Read& read) {
    const policy::Subject subject{.users = options.users,
                                  .logins = options.logins,
                                  .groups = options.groups,
                                  .host = options.host,
                                  .service = options.service};
    print_terms(context, policy::decide(read.policy, subject));
  });
}

int policy_presets() {
  std::printf(
      "# PCI DSS v4.0.1, requirement 10.5.1: audit log history for at least 12 months, the latest\n"
      "# three immediately available\n"
      "retention pci-dss class 1 366 days\n"
      "# HIPAA, 45 CFR 164.316(b)(2)(i): documentation, 6 years\n"
      "retention hipaa class 2 2192 days\n"
      "# SEC, 17 CFR 240.17a-4(a): not less than six years, the first two easily accessible\n"
      "retention sec-17a-4 class 3 2192 days\n"
      "# SOX section 802, 17 CFR 210.2-06: records relevant to an audit or review, seven years\n"
      "retention sox class 4 2557 days\n");
  return kExitOk;
}

int sign_policy(Context& context, const PolicyOptions& options) {
  const Status done = run_sign(context, options);
  return done ? kExitOk : report(done.error());
}

}  // namespace stele::cli
