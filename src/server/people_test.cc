#include "server/people.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "ledger/test_world.h"

namespace stele::server {
namespace {

using ledger::kLayout;
using std::chrono::hours;

class PeopleTest : public ::testing::Test {
 protected:
  People people(os::FileSystem& on) { return {on, kLayout, world.clock, world.random}; }
  std::optional<Caller> caller(const std::string& token) {
    return find_caller(people(files).all().value(), token, world.clock.wall());
  }

  ledger::World world;
  sim::SimFileSystem files{world.disk};
};

TEST_F(PeopleTest, a_token_says_who_asks_and_is_stored_nowhere) {
  ASSERT_TRUE(people(files).add("jane", "Jane Roe", {Role::kAuditor}).has_value());
  ASSERT_TRUE(people(files).add("joe", "Joe", {Role::kVerifier}).has_value());
  const std::string token = people(files).create_token("jane", hours(1)).value();
  const auto found = caller(token);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->name, "jane");
  EXPECT_EQ(found->roles, RoleSet{Role::kAuditor});
  EXPECT_EQ(found->token_id, people(files).find("jane")->tokens[0].id());
  EXPECT_EQ(token.size(), 13 + 64U);
  for (const auto& [path, entry] : world.disk.snapshot())
    EXPECT_EQ(as_text(entry.bytes).find(token.substr(13)), std::string_view::npos) << path;
}

TEST_F(PeopleTest, another_token_is_nobody_s) {
  ASSERT_TRUE(people(files).add("jane", "Jane Roe", {Role::kAuditor}).has_value());
  const std::string token = people(files).create_token("jane", hours(1)).value();
  for (size_t at = 0; at < token.size(); ++at) {
    std::string other = token;
    other[at] = static_cast<char>(other[at] ^ 1);
    EXPECT_FALSE(caller(other).has_value()) << at;
  }
  for (const char* other : {"", "stele-key-v1.", "jane"}) EXPECT_FALSE(caller(other).has_value());
  EXPECT_FALSE(caller(token + "\n").has_value());
}

TEST_F(PeopleTest, a_token_ends_by_time_by_revoking_and_with_its_person) {
  ASSERT_TRUE(people(files).add("jane", "Jane Roe", {Role::kAuditor}).has_value());
  const std::string late = people(files).create_token("jane", hours(1)).value();
  const std::string taken = people(files).create_token("jane", hours(3)).value();
  const std::string last = people(files).create_token("jane", hours(3)).value();
  world.clock.advance(hours(1));
  EXPECT_FALSE(caller(late).has_value());
  ASSERT_TRUE(people(files).revoke_token("jane", caller(taken)->token_id).has_value());
  EXPECT_FALSE(caller(taken).has_value());
  EXPECT_EQ(people(files).revoke_token("jane", "00000000").error().code, Code::kNotFound);
  EXPECT_TRUE(caller(last).has_value());
  ASSERT_TRUE(people(files).disable("jane").has_value());
  EXPECT_FALSE(caller(last).has_value());
  EXPECT_EQ(people(files).create_token("jane", hours(1)).error().code, Code::kPermission);
  EXPECT_EQ(people(files).find("jane")->tokens.size(), 3U) << "nothing is forgotten";
}

TEST_F(PeopleTest, what_is_none_is_refused) {
  const auto code = [&](const std::string& name, const std::string& who) {
    return people(files).add(name, who, {Role::kViewer}).error().code;
  };
  for (const char* name : {"", "Jane", "../x", "-a", "a b"})
    EXPECT_EQ(code(name, "x"), Code::kInvalid);
  for (const std::string& who : {std::string(), std::string("a\nb"), std::string("\xff"),
                                 std::string("\xc2\x85"), std::string(201, 'a')})
    EXPECT_EQ(code("jane", who), Code::kInvalid);
  EXPECT_EQ(people(files).add("jane", "x", {}).error().code, Code::kInvalid);
  ASSERT_TRUE(people(files).add("jane", "x", {Role::kViewer}).has_value());
  EXPECT_EQ(code("jane", "y"), Code::kExists);
  EXPECT_EQ(people(files).create_token("jane", hours(0)).error().code, Code::kInvalid);
  EXPECT_EQ(people(files).create_token("jane", hours(9000)).error().code, Code::kInvalid);
  EXPECT_EQ(people(files).create_token("joe", hours(1)).error().code, Code::kNotFound);
  for (int i = 0; i < 16; ++i)
    ASSERT_TRUE(people(files).create_token("jane", hours(1)).has_value());
  EXPECT_EQ(people(files).create_token("jane", hours(1)).error().code, Code::kLimit);
}

TEST_F(PeopleTest, whenever_it_dies_the_file_is_the_old_one_or_the_new) {
  ASSERT_TRUE(people(files).add("jane", "Jane Roe", {Role::kViewer}).has_value());
  const sim::Image before = world.disk.snapshot();
  for (size_t k = 1;; ++k) {
    world.disk.restore(before);
    bool finished = false;
    {
      sim::SimFileSystem dying(world.disk, {.crash_at = k});
      finished = people(dying).set_roles("jane", {Role::kAuditor}).has_value();
    }
    world.disk.restart(k);
    sim::SimFileSystem again(world.disk);
    const auto jane = people(again).find("jane");
    ASSERT_TRUE(jane.has_value()) << k;
    EXPECT_TRUE(jane->roles == RoleSet{Role::kAuditor} ||
                (!finished && jane->roles == RoleSet{Role::kViewer}));
    if (finished) break;
  }
}

TEST(Roles, are_told_and_read_in_words) {
  for (size_t i = 0; i < kRoleCount; ++i) {
    const auto role = static_cast<Role>(i);
    EXPECT_EQ(parse_roles(role_name(role)).value(), RoleSet{role});
  }
  EXPECT_EQ(encode(parse_roles("verifier,viewer").value()), "viewer,verifier");
  for (const char* bad : {"", ",", "viewer,", "root", "Viewer", "admin,investigator"})
    EXPECT_FALSE(parse_roles(bad).has_value()) << bad;
}

// The table of the format page, walked whole: what it says is what may() does.
TEST(Roles, may_do_what_the_page_says_and_nothing_else) {
  const std::map<std::string, Action> actions = {
      {"read the facts of one's own sessions", Action::kReadOwnFacts},
      {"list sessions", Action::kListSessions},
      {"read the sealed facts of any session", Action::kReadFacts},
      {"ask for playback material", Action::kRequestPlayback},
      {"read playback material (whole segments)", Action::kReadSegments},
      {"approve what others ask for", Action::kApprove},
      {"ask for a hold, or for its release", Action::kAskHold},
      {"see holds", Action::kSeeHolds},
      {"read keys, proofs and tails", Action::kReadProofs},
      {"list hosts", Action::kListHosts},
      {"change configuration, enrol", Action::kConfigure},
      {"delete", Action::kDelete}};
  std::ifstream page(STELE_TESTDATA "/../docs/formats/people.md");
  size_t rows = 0;
  std::map<Action, std::array<std::string, kRoleCount>> said;
  for (std::string line; std::getline(page, line);) {
    std::vector<std::string> cells;
    std::istringstream in(line);
    for (std::string cell; std::getline(in, cell, '|');) {
      while (cell.starts_with(' ')) cell.erase(0, 1);
      while (cell.ends_with(' ')) cell.pop_back();
      cells.push_back(cell);
    }
    if (cells.size() != 2 + kRoleCount) continue;
    if (cells[1] == "action") {
      for (size_t i = 0; i < kRoleCount; ++i)
        EXPECT_EQ(cells[2 + i], role_name(static_cast<Role>(i)));
      continue;
    }
    const auto action = actions.find(cells[1]);
    if (action == actions.end()) continue;
    ++rows;
    std::copy(cells.begin() + 2, cells.end(), said[action->second].begin());
  }
  ASSERT_EQ(rows, kActionCount);
  // Every set of roles, not only every role.
  for (unsigned bits = 0; bits < (1U << kRoleCount); ++bits) {
    RoleSet roles;
    for (size_t i = 0; i < kRoleCount; ++i)
      if (((bits >> i) & 1U) != 0) roles.add(static_cast<Role>(i));
    for (const auto& [action, words] : said) {
      bool yes = false, never = false;
      for (size_t i = 0; i < kRoleCount; ++i) {
        if (!roles.has(static_cast<Role>(i))) continue;
        yes = yes || words[i] == "yes";
        never = never || words[i] == "never";
      }
      EXPECT_EQ(may(roles, action), yes && !never)
          << encode(roles) << " " << static_cast<int>(action);
    }
    EXPECT_FALSE(may(roles, Action::kDelete));
    EXPECT_FALSE(roles.has(Role::kAdmin) && may(roles, Action::kReadSegments));
  }
}

TEST(PersonFile, has_one_spelling) {
  std::ifstream file(STELE_TESTDATA "/corpus/person_file/one");
  const std::string whole((std::istreambuf_iterator<char>(file)), {});
  ASSERT_TRUE(parse_person(whole).has_value());
  EXPECT_EQ(encode(*parse_person(whole)), whole);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const char other : {'\n', '0', '/', '-', ' ', ','}) {
      std::string changed = whole;
      changed[at] = other;
      if (const auto parsed = parse_person(changed)) {
        EXPECT_EQ(encode(*parsed), changed);
      }
    }
  }
}

}  // namespace
}  // namespace stele::server
