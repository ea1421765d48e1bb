#include "identity/start.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "os/who.h"

namespace stele::identity {
namespace {

TEST(AuditNumber, is_unset_when_the_kernel_says_so_or_says_nothing_usable) {
  EXPECT_EQ(parse_audit_number("1000"), 1000U);
  EXPECT_EQ(parse_audit_number("0"), 0U);
  EXPECT_EQ(parse_audit_number("4294967294"), 4294967294U);
  for (const char* unset : {"4294967295", "", "-1", "1000x", " 1000", "4294967296"}) {
    EXPECT_EQ(parse_audit_number(unset), std::nullopt) << unset;
  }
}

TEST(Variable, is_found_by_its_whole_name) {
  const std::vector<std::string> environment = {"TERMINAL=no", "TERM=xterm", "TERM=second",
                                                "EMPTY="};
  EXPECT_EQ(variable(environment, "TERM"), "xterm");
  EXPECT_EQ(variable(environment, "TERMI"), "");
  EXPECT_EQ(variable(environment, "EMPTY"), "");
}

TEST(Start, tells_what_the_kernel_and_the_user_database_know) {
  const Told told{"migration", {"bash", "-l"}, {"TERM=vt100"}, event::InputPolicy::kAll, "stele 9"};
  const auto start = gather_start(told);
  ASSERT_TRUE(start) << start.error().message();
  EXPECT_EQ(start->title, "migration");
  EXPECT_EQ(start->argv, told.argv);
  EXPECT_EQ(start->uid, os::identity()->uid);
  EXPECT_EQ(start->user, os::user_name(start->uid));
  EXPECT_EQ(start->cwd, std::filesystem::current_path().string());
  EXPECT_FALSE(start->host.empty());
  EXPECT_EQ(start->boot_id.size(), 36U);
  EXPECT_FALSE(start->kernel.empty());
  EXPECT_EQ(start->terminal, "vt100");
  EXPECT_EQ(start->input_policy, event::InputPolicy::kAll);
  EXPECT_EQ(start->recorder, "stele 9");

  std::ifstream file("/proc/self/loginuid");
  std::string text;
  std::getline(file, text);
  EXPECT_EQ(start->login_uid, parse_audit_number(text));
  EXPECT_EQ(start->login_user, start->login_uid ? os::user_name(*start->login_uid) : "");
}

TEST(Start, takes_a_parent_session_only_if_it_could_be_one) {
  Told told;
  told.environment = {"STELE_SESSION=0197a3b2-0000-7000-8000-000000000000"};
  EXPECT_EQ(gather_start(told)->parent_session, "0197a3b2-0000-7000-8000-000000000000");
  for (const char* forged : {"STELE_SESSION=", "STELE_SESSION=0197A3B2-0000-7000-8000-000000000000",
                             "STELE_SESSION=x\n{}", "STELE_SESSION"}) {
    told.environment = {forged};
    EXPECT_EQ(gather_start(told)->parent_session, "") << forged;
  }
}

TEST(StartOfAnother, is_what_the_kernel_said_of_it_and_not_of_this_process) {
  os::Peer peer;
  peer.uid = 4'000'000'001;
  peer.euid = 0;
  peer.gid = 7;
  peer.groups = {7, 8};
  peer.login_uid = 0;
  peer.audit_session = 12;
  peer.tty = "/dev/pts/99";
  const Told told{"t", {"ls"}, {"TERM=vt100"}, event::InputPolicy::kAll, "stele-recorder 9"};
  event::Start start = gather_start_of(peer, told, {"/claimed", {24, 80, 0, 0}});
  EXPECT_EQ(start.uid, peer.uid);
  EXPECT_EQ(start.euid, 0U);
  EXPECT_EQ(start.gid, 7U);
  EXPECT_EQ(start.user, "");
  EXPECT_EQ(start.groups, peer.groups);
  EXPECT_EQ(start.login_uid, 0U);
  EXPECT_EQ(start.login_user, "root");
  EXPECT_EQ(start.audit_session, 12U);
  EXPECT_EQ(start.tty, "/dev/pts/99");
  EXPECT_EQ(start.size, (event::WindowSize{24, 80, 0, 0}));
  EXPECT_EQ(start.terminal, "vt100");
  EXPECT_EQ(start.boot_id, gather_start(told)->boot_id);
  EXPECT_EQ(start.cwd, "/claimed");
  peer.cwd = "/seen";
  EXPECT_EQ(gather_start_of(peer, told, {"/claimed", {}}).cwd, "/seen");
}

}  // namespace
}  // namespace stele::identity
