#include "server/posture.h"

#include <gtest/gtest.h>

#include "ledger/test_world.h"
#include "server/people.h"
#include "server/registry.h"

namespace stele::server {
namespace {

using ledger::kLayout;

class PostureTest : public ::testing::Test {
 protected:
  Lines now() { return read_posture(files, kLayout, "listen=a names=b").value(); }
  ledger::World world;
  sim::SimFileSystem files{world.disk};
};

TEST_F(PostureTest, a_person_a_token_and_a_host_show_as_changes) {
  const Lines before = now();
  People people(files, kLayout, world.clock, world.random);
  ASSERT_TRUE(people.add("jane", "Jane", {Role::kAuditor}).has_value());
  const std::string key = people.create_token("jane", std::chrono::hours(1)).value();
  Registry registry(files, kLayout, "stele/test/1", world.clock, world.random);
  const std::string token = registry.create_token("web01", std::chrono::minutes(10)).value();
  const Lines then = now(), told = changes(before, then);
  ASSERT_EQ(told.size(), 3U);
  EXPECT_TRUE(told[0].starts_with("+ api-token jane ")) << told[0];
  EXPECT_TRUE(told[1].starts_with("+ person jane roles=auditor created=")) << told[1];
  EXPECT_TRUE(told[2].starts_with("+ token ")) << told[2];
  for (const std::string& line : told) {
    EXPECT_EQ(line.find(key.substr(13)), std::string::npos);
    EXPECT_EQ(line.find(token.substr(15)), std::string::npos);
  }
  ASSERT_TRUE(people.set_roles("jane", {Role::kAdmin}).has_value());
  const Lines roles = changes(then, now());
  ASSERT_EQ(roles.size(), 2U);
  EXPECT_NE(roles[0].find("roles=admin"), std::string::npos);
  EXPECT_TRUE(roles[0].starts_with("+ ") && roles[1].starts_with("- "));
  EXPECT_TRUE(changes(then, then).empty());
}

TEST_F(PostureTest, is_kept_in_one_spelling) {
  const Lines lines = now();
  EXPECT_TRUE(load_posture(files, kLayout)->empty());
  ASSERT_TRUE(store_posture(files, kLayout, lines).has_value());
  EXPECT_EQ(load_posture(files, kLayout).value(), lines);
  for (const char* bad : {"", "stele-posture-v1", "stele-posture-v1\nb\na\n",
                          "stele-posture-v1\na\na\n", "other\n", "stele-posture-v1\na"})
    EXPECT_FALSE(parse_posture(bad).has_value()) << bad;
}

}  // namespace
}  // namespace stele::server
