#include "agent/policy_book.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "policy/text.h"
#include "sim/clock.h"
#include "sim/file_system.h"

namespace stele::agent {
namespace {

class PolicyBookTest : public testing::Test {
 protected:
  static receipt::NoteSigner signer(uint8_t fill = 7) {
    return *receipt::NoteSigner::make("log/policy", crypto::SigningKey(Bytes(32, fill)));
  }
  static std::string text(uint64_t version, const std::string& rules) {
    return "stele-policy-v1\nlog\n" + std::to_string(version) + "\n2026-11-24\n" + rules;
  }
  void put(uint64_t version, const std::string& rules, uint8_t key = 7) {
    ASSERT_TRUE(files.replace("/etc/policy", as_bytes(*signer(key).sign(text(version, rules)))));
  }
  std::unique_ptr<PolicyBook> book() {
    PolicyPlace place{.path = "/etc/policy",
                      .directory = "/agent",
                      .key = signer().key(),
                      .origin = "log",
                      .recipients = [this] { return list; },
                      .host = "web01",
                      .recorder_group = 4242};
    return std::make_unique<PolicyBook>(files, std::move(place), clock,
                                        [this](const event::Finding& finding) {
                                          told.push_back(finding.what);
                                          told_rules.push_back(finding.rule);
                                        });
  }
  static std::string banner(PolicyBook& book) { return book.policy_for({}).terms.banner; }
  bool was_told(std::string_view what) const {
    return !told.empty() && told.back().find(what) != std::string::npos;
  }

  void SetUp() override {
    ASSERT_TRUE(files.make_directories("/etc"));
    ASSERT_TRUE(files.make_directories("/agent"));
  }
  sim::Disk disk;
  sim::SimFileSystem files{disk};
  sim::Clock clock;
  std::vector<std::string> told, told_rules;
  Hash list{};
};

TEST_F(PolicyBookTest, without_a_policy_has_the_terms_of_none) {
  const auto it = book();
  ASSERT_TRUE(it->begin());
  const Policy policy = it->policy_for({});
  EXPECT_EQ(policy.terms, policy::Terms{});
  EXPECT_EQ(policy.version, 0U);
  EXPECT_FALSE(policy.hash);
  EXPECT_EQ(policy.recorder_group, 4242U);
  EXPECT_FALSE(policy.meter);
  EXPECT_TRUE(told.empty());
}

TEST_F(PolicyBookTest, has_rules_by_the_service_for_what_sudo_says) {
  const auto it = book();
  ASSERT_TRUE(it->begin());
  put(1,
      "rule came-in\n  login *\n  banner one\nrule a\n  user root\n  service sudo\n  banner two\n");
  it->refresh();
  EXPECT_EQ(it->policy_for_sudo({"root", {0, 0, {}}}).terms.banner, "two") << "no login is known";
  EXPECT_EQ(it->policy_for_sudo({"jane", {1000, 1000, {}}}).terms.rule, 0U);
}

TEST_F(PolicyBookTest, takes_a_new_policy_when_it_lies_there) {
  const auto it = book();
  ASSERT_TRUE(it->begin());
  put(1, "rule a\n  host web*\n  quota session 1 MiB in all\n  banner one\n");
  it->refresh();
  EXPECT_TRUE(was_told("version 1 holds"));
  const Policy policy = it->policy_for({});
  EXPECT_EQ(policy.terms.banner, "one");
  EXPECT_EQ(policy.version, 1U);
  EXPECT_TRUE(policy.hash && policy.meter);
  put(2, "rule a\n  banner two\n");
  it->refresh();
  EXPECT_EQ(banner(*it), "two");
  const size_t count = told.size();
  it->refresh();
  EXPECT_EQ(told.size(), count);
}

TEST_F(PolicyBookTest, goes_on_with_what_held_when_another_is_not_to_be_believed) {
  put(3, "rule a\n  banner three\n");
  const auto it = book();
  ASSERT_TRUE(it->begin());
  const auto refused = [&](const std::string& why) {
    it->refresh();
    EXPECT_TRUE(was_told(why)) << (told.empty() ? "" : told.back());
    const size_t count = told.size();
    it->refresh();
    EXPECT_EQ(told.size(), count) << "told once";
    EXPECT_EQ(banner(*it), "three");
  };
  put(2, "rule a\n  banner two\n");
  refused("version 2 is older than version 3");
  put(3, "rule a\n  banner other\n");
  refused("another version 3");
  put(4, "rule a\n  banner four\n", 8);
  refused("version 3 holds");
  ASSERT_TRUE(files.replace("/etc/policy", as_bytes("rule a\n")));
  refused("version 3 holds");
  ASSERT_TRUE(files.replace("/etc/policy",
                            as_bytes(*signer().sign("stele-policy-v1\nother\n9\n2026-11-24\n"))));
  refused("hosts of the log other");
  ASSERT_TRUE(files.remove("/etc/policy"));
  refused("version 3 holds");
  put(5, "rule a\n  banner five\n");
  it->refresh();
  EXPECT_EQ(banner(*it), "five");
}

TEST_F(PolicyBookTest, remembers_across_restarts_what_it_believed) {
  put(3, "rule a\n  banner three\n");
  ASSERT_TRUE(book()->begin());
  put(2, "rule a\n  banner two\n");
  const auto older = book();
  ASSERT_TRUE(older->begin());
  EXPECT_EQ(banner(*older), "three");
  EXPECT_TRUE(was_told("older"));
  ASSERT_TRUE(files.remove("/etc/policy"));
  const auto gone = book();
  ASSERT_TRUE(gone->begin());
  EXPECT_EQ(banner(*gone), "three");
}

TEST_F(PolicyBookTest, does_not_begin_with_a_memory_that_is_not_its_own) {
  ASSERT_TRUE(files.replace("/agent/policy", as_bytes(*signer(8).sign(text(1, "")))));
  const Status begun = book()->begin();
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, Code::kUnauthentic);
  EXPECT_NE(begun.error().context.find("/agent/policy"), std::string::npos);
}

TEST_F(PolicyBookTest, counts_who_is_left_out) {
  put(1, "rule a\n  not recorded\n");
  const auto it = book();
  ASSERT_TRUE(it->begin());
  const Policy policy = it->policy_for({});
  EXPECT_FALSE(policy.terms.is_recorded);
  policy.tell({Notice::What::kLeftOut, "uid 1"});
  policy.tell({Notice::What::kSlowed, "uid 2"});
  policy.tell({Notice::What::kLeftOut, "uid 3"});
  EXPECT_EQ(it->left_out(), 2U);
  EXPECT_TRUE(was_told("uid 3"));
  EXPECT_EQ(told_rules.back(), "") << "counted";
  policy.tell({Notice::What::kBreakGlassLeftOut, "uid 4"});
  EXPECT_EQ(it->left_out(), 3U);
  EXPECT_EQ(told_rules.back(), "break-glass") << "of which no session tells";
}

TEST_F(PolicyBookTest, that_goes_with_a_list_is_taken_once_that_list_is_sealed_for) {
  Hash next;
  next.fill(5);
  put(1, "recipients " + to_hex(next) + "\nrule all\n  banner welcome\n");
  const auto it = book();
  ASSERT_TRUE(it->begin());
  EXPECT_EQ(it->policy_for({}).version, 0U);
  EXPECT_TRUE(was_told("it goes with the recipients list"));
  list = next;
  it->refresh();
  EXPECT_EQ(it->policy_for({}).version, 1U);
  list = {};
  it->refresh();
  EXPECT_EQ(it->policy_for({}).version, 1U) << "what was believed holds, whatever list comes";
  EXPECT_TRUE(was_told("version 1 holds"));
}

TEST_F(PolicyBookTest, decides_on_accounts_of_other_hosts_by_their_name_alone) {
  put(1,
      "rule named\n  user jane\n  banner named\n"
      "rule numbered\n  user 0\n  banner numbered\n"
      "rule grouped\n  group 65534\n  banner grouped\n"
      "rule rest\n  banner rest\n");
  const auto it = book();
  ASSERT_TRUE(it->begin());
  const auto banner_of = [&](const std::string& name) {
    const Submitter who{name, {kUidElsewhere, kUidElsewhere, {}}, true};
    return it->policy_for_sudo(who).terms.banner;
  };
  EXPECT_EQ(banner_of("jane"), "named");
  EXPECT_EQ(banner_of("root"), "rest") << "whose number it is, is another host's to say";
  EXPECT_EQ(banner_of("0"), "rest");
  EXPECT_EQ(banner_of(""), "rest");
}

}  // namespace
}  // namespace stele::agent
