#include "policy/text.h"

#include <gtest/gtest.h>

#include "policy/test_policy.h"

namespace stele::policy {
namespace {

std::string error_of(std::string_view text) {
  const auto policy = parse_policy(text);
  return policy ? "" : policy.error().context;
}
std::string draft_error_of(const std::string& body) {
  const auto policy = parse_draft(kHeadLines + body);
  return policy ? "" : policy.error().context;
}

TEST(PolicyText, is_read_and_printed_in_its_one_spelling) {
  for (const std::string_view text : {kExample, kEverything})
    EXPECT_EQ(encode(policy_of(text)), text);
}

TEST(PolicyText, says_what_was_written) {
  const Policy policy = policy_of(kEverything);
  EXPECT_EQ(policy.version, 4294967295U);
  EXPECT_EQ(static_cast<unsigned>(policy.day.day()), 29U);
  ASSERT_TRUE(policy.recipients);
  EXPECT_EQ(policy.recipients->at(31), 0x1f);
  ASSERT_EQ(policy.rules.size(), 4U);
  const Rule& rule = policy.rules[0];
  EXPECT_EQ(rule.conditions[static_cast<size_t>(Kind::kHost)], (Names{"web*.example", "db01"}));
  EXPECT_EQ(rule.quotas.session, (Quota{1024, 1}));
  EXPECT_EQ(rule.quotas.person, (Quota{1025, uint64_t{3} << 40}));
  EXPECT_EQ(rule.banner, "first\n\n  third, indented");
  EXPECT_FALSE(policy.rules[1].is_recorded);
  EXPECT_EQ(policy.rules[1].banner, "");
  EXPECT_EQ(policy.rules[2].open, false);
  EXPECT_EQ(policy.rules[3].open, std::nullopt);
}

TEST(PolicyText, names_retention_classes_before_it_uses_them) {
  const Policy policy = policy_of(kEverything);
  EXPECT_EQ(policy.retention,
            (std::vector<RetentionClass>{{"card-data", 1, 366}, {"long", 255, 36'525}}));
  EXPECT_EQ(policy.tags, (std::vector<Tag>{{"incident", "long"}, {"case-7", "card-data"}}));
  EXPECT_EQ(policy.rules[0].retention, "card-data");
  EXPECT_TRUE(policy.prune_key.starts_with("stele/log/5f0c2a91/prune+"));
  const std::pair<std::string, std::string> cases[] = {
      {"retention a class 0 1 days\n", "from 1 to 255"},
      {"retention a class 256 1 days\n", "from 1 to 255"},
      {"retention a class 1 0 days\n", "1 to 36525 days"},
      {"retention a class 1 36526 days\n", "1 to 36525 days"},
      {"retention a class 1 5\n", "is like `retention pci-dss class 1 366 days`"},
      {"retention a class 1 5 days\nretention a class 2 5 days\n", "a second retention class `a`"},
      {"retention a class 1 5 days\nretention b class 1 5 days\n", "a second class 1"},
      {"tag t retention a\n", "`a` is not defined above"},
      {"rule r\n  retention a\n", "`a` is not defined above"},
      {"prune nobody\n", "the verifier key"},
  };
  for (const auto& [body, error] : cases)
    EXPECT_NE(draft_error_of(body).find(error), std::string::npos) << draft_error_of(body);
}

TEST(PolicyText, cut_anywhere_is_another_policy_or_none) {
  for (size_t size = 0; size < kEverything.size(); ++size) {
    const std::string_view cut = kEverything.substr(0, size);
    const auto policy = parse_policy(cut);
    EXPECT_TRUE(!policy || encode(*policy) == cut) << size;
    EXPECT_FALSE(policy && !cut.ends_with('\n')) << size;
  }
}

TEST(PolicyText, with_any_bit_flipped_has_no_second_spelling) {
  for (size_t bit = 0; bit < kEverything.size() * 8; ++bit) {
    std::string text(kEverything);
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
    const auto policy = parse_policy(text);
    EXPECT_TRUE(!policy || encode(*policy) == text) << bit;
  }
}

TEST(PolicyText, of_a_draft_may_have_comments_and_any_order) {
  const auto draft = parse_draft(
      "# who wrote it\nstele-policy-v1\nstele/log/5f0c2a91\n\n3\n2026-11-24\n\nrule a\n"
      "  banner x\n      input    all   \n  # why\n  user b\n  quota session 2048 KiB in all\n");
  ASSERT_TRUE(draft) << draft.error().message();
  const std::string spelled =
      kHeadLines + "rule a\n  user b\n  input all\n  quota session 2 MiB in all\n  banner x\n";
  EXPECT_EQ(encode(*draft), spelled);
  EXPECT_TRUE(parse_policy(spelled));
}

TEST(PolicyText, in_a_second_spelling_is_told_the_first) {
  const std::pair<std::string, std::string> cases[] = {
      {"rule a\n  input all\n  user b\n", "policy line 6: not in its one spelling, `  user b`"},
      {"rule a\n  quota session 1024 KiB in all\n", "`  quota session 1 MiB in all`"},
      {"rule a\n  input  all\n", "line 6"},
      {"rule a\n  input all \n", "line 6"},
      {"\nrule a\n", "line 5"},
      {"# x\nrule a\n", "line 5"},
      {"rule a\n  banner \n", "line 6"},
      {"rule a\n\n", "line 6"},
  };
  for (const auto& [body, wanted] : cases) {
    const std::string error = error_of(kHeadLines + body);
    EXPECT_NE(error.find(wanted), std::string::npos) << body << error;
    EXPECT_NE(error.find("one spelling"), std::string::npos) << error;
  }
}

TEST(PolicyText, with_an_unknown_word_is_told_the_line_and_the_nearest) {
  const std::pair<std::string, std::string> cases[] = {
      {"rul a\n", "policy line 5: `rul` is no word that can stand here; did you mean `rule`?"},
      {"rule a\n  imput all\n",
       "line 6: `imput` is no word that can stand here; did you mean `input`?"},
      {"rule a\n  input redacted\n", "did you mean `redact`?"},
      {"rule a\n  input all fixd\n", "did you mean `fixed`?"},
      {"rule a\n  quota sesion 1 KiB in all\n", "did you mean `session`?"},
      {"rule a\n  quota session 1 KB in all\n", "did you mean `KiB`?"},
      {"rule a\n  xyzzy\n", "`xyzzy` is no word that can stand here"},
      {"role a\n  host b\n", "`host` is no word"},
      {"rule a\n  " + std::string(5000, 'x') + "\n", "line 6"},
  };
  for (const auto& [body, wanted] : cases) {
    const std::string error = draft_error_of(body);
    EXPECT_NE(error.find(wanted), std::string::npos) << error;
    EXPECT_LT(error.size(), 200U);
  }
}

TEST(PolicyText, that_is_wrong_is_refused_by_line) {
  const std::pair<std::string, std::string> cases[] = {
      {"  input all\n", "line 5: belongs to no role and no rule"},
      {"rule\n", "one word more"},
      {"rule a b\n", "one word more"},
      {"rule a\nrule a\n", "line 6: a second rule `a`"},
      {"role a\n  user x\nrole a\n", "line 7: a second role"},
      {"role a\nrule b\n", "nobody in it"},
      {"role a\n", "nobody in it"},
      {"rule a\n  user\n", "`user` of what name?"},
      {"rule a\n  user b\n  user c\n", "line 7: a second `user`"},
      {"rule a\n  user a*b*\n", "one * is the most"},
      {"rule a\n  group whe*\n", "no * in names of groups"},
      {"rule a\n  role b\n", "role `b` is not defined above"},
      {"rule a\n  open\n  closed\n", "a second"},
      {"rule a\n  not recoded\n", "`not recorded` is wanted"},
      {"rule a\n  not recorded\n  input all\n", "what is not recorded has no terms but a banner"},
      {"rule a\n  not recorded\n  break-glass allowed\nrule b\n", "no terms but a banner"},
      {"rule a\n  output all\n", "`output none` is wanted"},
      {"rule a\n  lines input\n", "`lines facts` is wanted"},
      {"rule a\n  lines facts\n  lines facts\n", "a second"},
      {"rule a\n  open wide\n", "`open` is wanted"},
      {"rule a\n  input\n", "can stand here"},
      {"rule a\n  input all fixed fixed\n", "can stand here"},
      {"rule a\n  patience 0 seconds\n", "1 to 3600"},
      {"rule a\n  patience 3601 seconds\n", "1 to 3600"},
      {"rule a\n  patience 5 minutes\n", "1 to 3600"},
      {"rule a\n  transfers none\n", "`none`"},
      {"rule a\n  transfers whole once\n", "`transfers whole` is wanted"},
      {"rule a\n  transfers whole\n  transfers digest\n", "a second"},
      {"rule a\n  opening wait 31 seconds\n", "0 to 30"},
      {"rule a\n  opening 3 seconds\n", "0 to 30"},
      {"rule a\n  opening wait 1 seconds\n  opening wait 1 seconds\n", "a second"},
      {"rule a\n  quota session 1023 bytes per second\n", "less than 1 KiB per second"},
      {"rule a\n  quota session 0 bytes in all\n", "no number from 1"},
      {"rule a\n  quota session 1048576 TiB in all\n", "too large"},
      {"rule a\n  quota session 01 KiB in all\n", "no number"},
      {"rule a\n  quota session 1 KiB per day\n", "`in all`"},
      {"rule a\n  quota host 1 KiB in all\n", "`per day`"},
      {"rule a\n  quota host 1 KiB\n", "a quota is like"},
      {"rule a\n  quota host 1 KiB per day\n  quota host 2 KiB per day\n", "a second"},
      {"rule a\n  banner \xc2\x9b[2J\n", "line 6: a control character"},
      {"rule a\n  banner \x7f\n", "line 6: a control character"},
      {"rule a\n\tinput all\n", "a tab?"},
      {"rule a\n  banner \xff\n", "not UTF-8"},
      {"recipients 00\n", "64 hex digits"},
      {"rule a", "line 5: no newline"},
  };
  for (const auto& [body, wanted] : cases) {
    const std::string error = draft_error_of(body);
    EXPECT_NE(error.find(wanted), std::string::npos) << body << error;
  }
}

TEST(PolicyText, begins_with_origin_version_and_day) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "ends before its day"},
      {"stele-policy-v2\n", "line 1: no policy"},
      {"stele-policy-v1\n", "ends before its day"},
      {"stele-policy-v1\na b\n", "line 2"},
      {"stele-policy-v1\na\n0\n", "line 3"},
      {"stele-policy-v1\na\n01\n", "line 3"},
      {"stele-policy-v1\na\n4294967296\n", "line 3"},
      {"stele-policy-v1\na\n1\n2026-02-29\n", "line 4"},
      {"stele-policy-v1\na\n1\n2026-1-01\n", "line 4"},
      {"stele-policy-v1\na\n1\n0000-01-01\n", "line 4"},
      {"stele-policy-v1\na\n1\n+026-01-01\n", "line 4"},
  };
  for (const auto& [text, wanted] : cases)
    EXPECT_NE(error_of(text).find(wanted), std::string::npos) << text << error_of(text);
}

TEST(PolicyText, is_bounded) {
  std::string names = "rule a\n  user";
  for (size_t i = 0; i < kNamesMax; ++i) names += " u";
  EXPECT_EQ(draft_error_of(names + "\n"), "");
  EXPECT_NE(draft_error_of(names + " u\n"), "");
  std::string rules;
  for (size_t i = 0; i < kRulesMax; ++i) rules += "rule " + std::to_string(i) + "\n";
  EXPECT_EQ(draft_error_of(rules), "");
  EXPECT_NE(draft_error_of(rules + "rule x\n"), "");
  EXPECT_EQ(draft_error_of("rule " + std::string(kNameBytesMax, 'x') + "\n"), "");
  EXPECT_NE(draft_error_of("rule " + std::string(kNameBytesMax + 1, 'x') + "\n"), "");
  EXPECT_NE(draft_error_of("rule a\n  user " + std::string(kNameBytesMax + 1, 'x') + "\n"), "");
  EXPECT_EQ(draft_error_of("rule a\n  banner " + std::string(kBannerBytesMax, 'x') + "\n"), "");
  EXPECT_NE(draft_error_of("rule a\n  banner " + std::string(kBannerBytesMax + 1, 'x') + "\n"), "");
  EXPECT_NE(draft_error_of("# " + std::string(kPolicyBytesMax, 'x') + "\n"), "");
}

}  // namespace
}  // namespace stele::policy
