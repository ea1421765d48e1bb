#include "agent/roles.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "crypto/sha256.h"

namespace stele::agent {
namespace {

using event::Known;

constexpr std::string_view kText = R"(version = 12
shared = ["root", "deploy", "4242"]

[people.ada]
users = ["ada"]
keys = ["SHA256:hers"]
principals = ["ada"]
roles = ["on-call"]

[people.grace]
name = "grace.hopper"
extensions = ["login@example.org=grace"]
key_ids = ["grace@example.org"]
users = ["1001"]

[roles.dba]
people = ["grace.hopper"]
groups = ["dba"]

[roles.operators]
principals = ["root"]
groups = ["ops"]
)";

Roles roles(std::string_view text = kText) {
  auto parsed = parse_roles(text, "roles.toml");
  EXPECT_TRUE(parsed) << parsed.error().message();
  return parsed ? *std::move(parsed) : Roles();
}

event::Start of(uint32_t uid, const std::string& user) {
  event::Start start;
  start.uid = uid;
  start.user = user;
  start.known["uid"] = Known::kKernel;
  return start;
}

event::Start logged_in(uint32_t login_uid, const std::string& login, event::Start start) {
  start.login_uid = login_uid;
  start.login_user = login;
  return start;
}

event::Start with_certificate(event::Start start, Known known = Known::kSignature) {
  std::ifstream file(STELE_TESTDATA "/corpus/ssh_certificate/ed25519");
  start.certificate = {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  start.known["certificate"] = known;
  start.service = "sshd";
  return start;
}

event::Person who(const event::Start& start) { return who_is(roles(), start); }

using Names = std::vector<std::string>;

TEST(Roles, say_which_file_they_are) {
  EXPECT_EQ(roles().version, 12U);
  EXPECT_EQ(roles().hash, crypto::sha256(as_bytes(kText)));
  EXPECT_EQ(who(of(1000, "ada")).roles_hash, roles().hash);
  EXPECT_EQ(who(of(1000, "ada")).version, 12U);
}

TEST(Roles, that_are_wrong_are_told_by_their_place) {
  for (const char* wrong :
       {"", "version = 0", "version = 1\nshard = []", "version = 1\n[people.ada]\nuser = [\"a\"]",
        "version = 1\n[people.ada]\nname = \"\"", "version = 1\n[roles.x]\nroles = [\"y\"]",
        "version = 1\n[people.\"a b\"]\nusers = []"}) {
    const auto refused = parse_roles(wrong, "roles.toml");
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, Code::kInvalid) << refused.error().context;
    EXPECT_TRUE(refused.error().context.starts_with("roles.toml")) << refused.error().context;
  }
}

TEST(Person, is_the_account_where_it_is_one_persons) {
  const auto ada = who(of(1000, "ada"));
  EXPECT_EQ(ada.name, "ada");
  EXPECT_EQ(ada.rule, "ada");
  EXPECT_EQ(ada.through, "user");
  EXPECT_EQ(ada.by, Known::kKernel);
  EXPECT_EQ(ada.roles, Names{"on-call"});
  EXPECT_EQ(who(of(1001, "")).name, "grace.hopper") << "by the number";

  event::Start carol = of(1002, "carol");
  carol.group_names = {"carol", "dba", "ops"};
  EXPECT_EQ(who(carol).name, "carol") << "in no rule";
  EXPECT_EQ(who(carol).rule, "");
  EXPECT_EQ(who(carol).roles, (Names{"dba", "operators"}));
}

TEST(Person, is_who_logged_in_whoever_they_became) {
  const auto ada = who(logged_in(1000, "ada", of(0, "root")));
  EXPECT_EQ(ada.name, "ada");
  EXPECT_EQ(ada.through, "login uid");
  event::Start as_carol = logged_in(1000, "ada", of(1002, "carol"));
  as_carol.group_names = {"dba"};
  EXPECT_EQ(who(as_carol).name, "ada");
  EXPECT_EQ(who(as_carol).roles, Names{"on-call"}) << "not carol's groups";
}

TEST(Person, behind_a_shared_account_is_who_invoked_it) {
  event::Start start = of(0, "root");
  start.service = "sudo";
  start.invoker = 1000;
  start.invoker_name = "ada";
  start.known["invoker"] = Known::kKernel;
  EXPECT_EQ(who(start).through, "invoker");
  EXPECT_EQ(who(start).name, "ada");
  start.invoker = std::nullopt;
  start.known.erase("invoker");
  start.known["invoker_name"] = Known::kEnvironment;
  EXPECT_EQ(who(start).name, "") << "anybody can set a variable";
}

TEST(Person, behind_a_shared_account_is_whom_a_certificate_was_made_for) {
  const auto deploy = logged_in(900, "deploy", of(900, "deploy"));
  const auto ada = who(with_certificate(deploy));
  EXPECT_EQ(ada.name, "ada");
  EXPECT_EQ(ada.through, "certificate");
  EXPECT_EQ(ada.by, Known::kSignature);
  EXPECT_EQ(ada.roles, (Names{"on-call", "operators"}));
  EXPECT_EQ(who(with_certificate(deploy, Known::kEnvironment)).name, "") << "nobody vouches for it";
  auto nested = with_certificate(deploy);
  nested.service = "sudo";
  EXPECT_EQ(who(nested).name, "") << "it was not sshd that put it there";
  const Roles by_extension = roles(
      "version = 1\nshared = [\"deploy\"]\n[people.x]\nextensions = [\"login@example.org=ada\"]");
  EXPECT_EQ(who_is(by_extension, with_certificate(deploy)).name, "x");
}

TEST(Person, behind_a_shared_account_is_whose_key_it_was_as_a_claim) {
  auto deploy = logged_in(900, "deploy", of(900, "deploy"));
  deploy.ssh_key = "SHA256:hers";
  EXPECT_EQ(who(deploy).name, "") << "not by sshd";
  deploy.service = "sshd";
  EXPECT_EQ(who(deploy).name, "ada");
  EXPECT_EQ(who(deploy).by, Known::kEnvironment);
  deploy.ssh_key = "SHA256:anothers";
  EXPECT_EQ(who(deploy).by, std::nullopt);
  EXPECT_EQ(who(deploy).roles, Names());
}

TEST(Person, is_proven_by_what_pam_told_the_login_was_by) {
  event::Start start = with_certificate(of(0, "root"));
  start.service = "sudo";
  EXPECT_EQ(who(start).name, "") << "whose certificate that was, nobody told";
  start.arrival = "sshd";
  EXPECT_FALSE(who(start).name.empty());
  EXPECT_EQ(who(start).by, Known::kSignature);
  EXPECT_TRUE(who(start).by_arrival);

  event::Start by_key = of(0, "root");
  by_key.arrival = "sshd";
  by_key.ssh_key = "SHA256:hers";
  EXPECT_EQ(who(by_key).name, "ada");
  EXPECT_EQ(who(by_key).by, std::nullopt);
  EXPECT_TRUE(who(by_key).by_arrival);
}

TEST(Person, is_not_whom_somebody_became_who_is_not_known) {
  EXPECT_EQ(who(logged_in(0, "root", of(1000, "ada"))).name, "") << "root became ada";
  event::Start start = of(1000, "ada");
  start.service = "su";
  EXPECT_EQ(who(start).name, "");
  EXPECT_EQ(who(of(4242, "")).name, "") << "shared by its number";
}

}  // namespace
}  // namespace stele::agent
