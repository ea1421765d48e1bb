#include "policy/decide.h"

#include <gtest/gtest.h>

#include "policy/test_policy.h"

namespace stele::policy {
namespace {

using event::InputPolicy;

Subject alice() {
  return {.users = {"alice", "1000"},
          .logins = {"alice", "1000"},
          .groups = {"users", "100"},
          .host = "web01",
          .service = "sshd"};
}

Terms decided(const std::string& rules, const Subject& subject = alice()) {
  return decide(policy_of(kHeadLines + rules), subject);
}

TEST(Decide, without_any_rule_records_all_but_secrets_and_ends_with_the_record) {
  const Terms terms = decided("");
  EXPECT_EQ(terms, Terms{});
  EXPECT_TRUE(terms.is_recorded && terms.keeps_output && !terms.open && !terms.allows_break_glass);
  EXPECT_EQ(terms.input, InputPolicy::kRedact);
  EXPECT_EQ(terms.rule, 0U);
}

TEST(Decide, takes_the_first_rule_that_fits_and_nothing_of_the_others) {
  const std::string rules =
      "rule first\n  user bob\n  input all\nrule second\n  user alice\n  banner b\nrule third\n"
      "  open\n  banner c\n";
  const Terms terms = decided(rules);
  EXPECT_EQ(terms.rule, 2U);
  EXPECT_EQ(terms.rule_name, "second");
  EXPECT_EQ(terms.banner, "b");
  EXPECT_FALSE(terms.open);
  EXPECT_EQ(terms.input, InputPolicy::kRedact);
}

TEST(Decide, a_rule_says_how_long_and_a_title_may_ask_for_more) {
  const std::string classes =
      "retention short class 1 30 days\nretention long class 2 400 days\ntag incident retention "
      "long\ntag brief retention short\n";
  const auto class_of = [&](const std::string& rule, std::string_view title) {
    return retention_class(decided(classes + rule), title);
  };
  EXPECT_EQ(class_of("rule a\n  retention short\n", ""), 1);
  EXPECT_EQ(class_of("rule a\n  retention short\n", "disk swap, #incident 4711"), 2);
  EXPECT_EQ(class_of("rule a\n  retention short\n", "no#incident #incidents incident"), 1);
  EXPECT_EQ(class_of("rule a\n  retention long\n", "#brief"), 2) << "never for less";
  EXPECT_EQ(class_of("rule a\n", "#brief"), 0) << "what is kept for ever stays so";
  EXPECT_EQ(class_of("rule a\n  user nobody\n  retention short\n", ""), 0) << "no rule fits";
}

TEST(Decide, the_example_as_it_is_told) {
  const Policy policy = policy_of(kExample);
  EXPECT_EQ(decide(policy, alice()).rule_name, "operators") << "a member by name";
  Subject carol = alice();
  carol.users = carol.logins = {"carol", "1002"};
  EXPECT_EQ(decide(policy, carol).rule_name, "everybody");
  carol.groups.push_back("wheel");
  EXPECT_EQ(decide(policy, carol).rule_name, "operators") << "a member by group";
  Subject backup = alice();
  backup.users = backup.logins = {"backup", "34"};
  EXPECT_TRUE(decide(policy, backup).is_recorded) << "not by cron";
  backup.service = "cron";
  EXPECT_FALSE(decide(policy, backup).is_recorded);
  backup.logins = {"alice", "1000"};
  EXPECT_TRUE(decide(policy, backup).is_recorded) << "somebody who became backup is not backup";
}

TEST(Decide, all_conditions_must_hold_and_of_each_any_name) {
  const std::string rule = "rule a\n  user bob alice\n  group adm users\n  host db01 web*\n";
  EXPECT_EQ(decided(rule).rule, 1U);
  for (const auto& spoil :
       {+[](Subject& s) { s.users = {"carol"}; }, +[](Subject& s) { s.groups.clear(); },
        +[](Subject& s) { s.host = "we"; }}) {
    Subject subject = alice();
    spoil(subject);
    EXPECT_EQ(decided(rule, subject).rule, 0U);
  }
}

TEST(Decide, a_star_stands_for_any_characters) {
  const auto fits = [](const std::string& pattern, const std::string& host) {
    Subject subject = alice();
    subject.host = host;
    return decided("rule a\n  host " + pattern + "\n", subject).rule == 1;
  };
  EXPECT_TRUE(fits("web*", "web") && fits("web*", "web01") && fits("*01", "web01"));
  EXPECT_TRUE(fits("w*1", "web01") && fits("*", "anything") && fits("*", ""));
  EXPECT_FALSE(fits("web*", "we") || fits("*01", "web010") || fits("web01", "web010"));
  EXPECT_FALSE(fits("aba*aba", "aba") || fits("aba*aba", "ababa")) << "no letter counts twice";
  EXPECT_FALSE(fits("Web*", "web01")) << "letters as they are";
}

TEST(Decide, who_is_not_known_fits_no_name) {
  const Subject nobody;
  for (const std::string kind :
       {"user alice", "login *", "group wheel", "host web*", "service sshd"})
    EXPECT_EQ(decided("rule a\n  " + kind + "\n", nobody).rule, 0U) << kind;
  EXPECT_EQ(decided("rule a\n", nobody).rule, 1U);
}

TEST(Decide, flags_only_tighten) {
  constexpr InputPolicy kAll = InputPolicy::kAll, kRedact = InputPolicy::kRedact,
                        kNone = InputPolicy::kNone;
  for (const InputPolicy rule : {kAll, kRedact, kNone}) {
    for (const InputPolicy wish : {kAll, kRedact, kNone}) {
      Terms terms;
      terms.input = rule;
      const InputPolicy kept = tightened(terms, wish);
      EXPECT_GE(kept, rule) << "never more than the rule keeps";
      EXPECT_EQ(kept, std::max(rule, wish));
      terms.is_input_fixed = true;
      EXPECT_EQ(tightened(terms, wish), rule);
    }
  }
}

TEST(Decide, names_the_groups_that_are_asked_about) {
  EXPECT_EQ(named_groups(policy_of(kEverything)), (std::set<std::string>{"wheel", "1000", "adm"}));
}

TEST(Decide, carries_every_term_of_the_rule) {
  Subject subject = alice();
  subject.users = {"svc-1-x"};
  subject.logins = {"0", "d"};
  subject.groups = {"adm"};
  subject.host = "db01";
  const Terms terms = decide(policy_of(kEverything), subject);
  EXPECT_EQ(terms.rule, 1U);
  EXPECT_EQ(terms.input, InputPolicy::kNone);
  EXPECT_FALSE(terms.keeps_output);
  EXPECT_TRUE(terms.lines_in_facts);
  EXPECT_TRUE(terms.open && terms.allows_break_glass);
  EXPECT_EQ(terms.patience_seconds, 3600U);
  EXPECT_EQ(terms.opening_wait_seconds, 30U);
  EXPECT_EQ(terms.quotas.host, (Quota{uint64_t{5} << 20, uint64_t{7} << 30}));
  EXPECT_EQ(terms.banner, "first\n\n  third, indented");
}

}  // namespace
}  // namespace stele::policy
