#include "agent/policy_subject.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "os/unix_socket.h"
#include "os/who.h"

namespace stele::agent {
namespace {

TEST(ProcessLine, has_the_name_and_the_parent) {
  const auto line = parse_stat("4711 (sshd) S 812 4711 4711 0");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->name, "sshd");
  EXPECT_EQ(line->parent, 812U);
}

TEST(ProcessLine, is_not_fooled_by_a_name) {
  const auto line = parse_stat("4711 (a) S 1 (b) c) S 812 4711");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->name, "a) S 1 (b) c");
  EXPECT_EQ(line->parent, 812U);
}

TEST(ProcessLine, cut_anywhere_is_none_or_the_whole) {
  const std::string whole = "4711 (cron) S 812 4711";
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto line = parse_stat(whole.substr(0, size));
    EXPECT_EQ(line.has_value(), size > whole.find(" 4711", 5)) << size;
  }
}

TEST(ProcessStatus, is_roots_by_both_uids) {
  EXPECT_TRUE(is_roots("Name:\tsshd\nUid:\t0\t0\t0\t0\nGid:\t0\n"));
  EXPECT_FALSE(is_roots("Name:\tsudo\nUid:\t1000\t0\t0\t0\n"));
  EXPECT_FALSE(is_roots("Name:\tx\nUid:\t0\t1000\t0\t0\n"));
  EXPECT_FALSE(is_roots("Name:\tUid:\t0\t0\t0\nUid:\t7\t7\t7\t7\n"));
  EXPECT_FALSE(is_roots(""));
}

TEST(Service, of_nobody_is_none) { EXPECT_EQ(service_of(0), ""); }

TEST(Subject, is_who_the_kernel_says) {
  os::Peer peer;
  peer.process.pid = static_cast<uint32_t>(::getpid());
  peer.uid = 0;
  peer.gid = 0;
  peer.groups = {65534};
  const auto subject = subject_of(peer, {"root", "no-such-group", "nogroup"}, "web01");
  EXPECT_EQ(subject.users, (policy::Names{"0", os::user_name(0)}));
  EXPECT_TRUE(subject.logins.empty()) << "unset";
  EXPECT_EQ(subject.groups, (policy::Names{"0", "65534", "nogroup", "root"}));
  EXPECT_EQ(subject.host, "web01");
}

TEST(Subject, of_what_sudo_says_is_of_the_service_sudo_and_of_no_login) {
  const Submitter who{"root", {0, 0, {65534}}};
  const auto subject = subject_of(who, {"root", "nogroup"}, "web01");
  EXPECT_EQ(subject.users, (policy::Names{"0", os::user_name(0)}));
  EXPECT_TRUE(subject.logins.empty());
  EXPECT_EQ(subject.groups, (policy::Names{"0", "65534", "nogroup", "root"}));
  EXPECT_EQ(subject.service, "sudo");
  EXPECT_EQ(subject.host, "web01");
}

}  // namespace
}  // namespace stele::agent
