#include "agent/arrivals.h"

#include <gtest/gtest.h>

#include "os/unix_socket.h"
#include "sim/file_system.h"

namespace stele::agent {
namespace {

constexpr const char* kDirectory = "/run/arrivals";

/// This very process: one that lives, and no sshd.
os::Peer self() {
  const auto pair = os::packet_pair().value();
  os::Peer peer = os::peer_of(pair.first.get()).value();
  peer.uid = peer.euid = 0;
  return peer;
}

os::Peer recorder(uint32_t pid = 77) {
  os::Peer peer;
  peer.process = {pid, 1};
  peer.uid = peer.euid = 1000;
  return peer;
}

os::Ancestor process(std::string name, os::ProcessKey key, uint32_t uid) {
  return {key, name, "/usr/sbin/" + name, uid, uid};
}

wire::Arrived arrived(std::string service = "login") {
  return {.service = std::move(service),
          .user = "ada",
          .remote_host = "192.0.2.7",
          .remote_user = "",
          .terminal = "/dev/tty1",
          .connection = "",
          .proof = ""};
}

class ArrivalsTest : public testing::Test {
 protected:
  ArrivalsTest() { restart(); }
  void restart() {
    arrivals.emplace(files, kDirectory, [this](uint32_t) { return line; });
    ASSERT_TRUE(arrivals->begin());
  }
  sim::Disk disk;
  sim::SimFileSystem files{disk};
  std::vector<os::Ancestor> line;  // of the recorder
  std::optional<Arrivals> arrivals;
};

TEST_F(ArrivalsTest, are_of_the_sessions_below_the_process_that_told) {
  const os::Peer teller = self();
  ASSERT_TRUE(arrivals->come(teller, arrived()));
  EXPECT_FALSE(arrivals->of(recorder()));
  line = {process("bash", {70, 1}, 1000), process("login", teller.process, 0)};
  EXPECT_EQ(arrivals->of(recorder()), arrived());
  ASSERT_TRUE(arrivals->leave(teller));
  EXPECT_FALSE(arrivals->of(recorder()));
  EXPECT_TRUE(files.list(kDirectory)->empty());
}

TEST_F(ArrivalsTest, that_somebody_else_tells_are_refused) {
  os::Peer user = self();
  user.euid = 1000;
  EXPECT_EQ(arrivals->come(user, arrived()).error().code, Code::kPermission);
  ASSERT_TRUE(arrivals->come(self(), arrived()));
  EXPECT_EQ(arrivals->leave(user).error().code, Code::kPermission);
  EXPECT_EQ(arrivals->count(), 1U);
}

TEST_F(ArrivalsTest, behind_another_door_are_of_another_login) {
  const os::Peer teller = self();
  ASSERT_TRUE(arrivals->come(teller, arrived()));
  line = {process("bash", {70, 1}, 1000), process("sshd", {60, 1}, 0),
          process("login", teller.process, 0)};
  EXPECT_FALSE(arrivals->of(recorder()));
  line[1] = process("sshd", {60, 1}, 1000);  // anybody's, whatever it calls itself
  EXPECT_TRUE(arrivals->of(recorder()));
}

TEST_F(ArrivalsTest, of_who_descends_from_none_are_found_by_the_audit_session) {
  const os::Peer teller = self();
  os::Peer orphan = recorder();
  orphan.login_uid = teller.login_uid.value_or(4242);
  orphan.audit_session = teller.audit_session.value_or(4242);
  ASSERT_TRUE(arrivals->come(teller, arrived()));
  // Where this process has no session of its own, nothing is like it.
  EXPECT_EQ(arrivals->of(orphan).has_value(),
            teller.login_uid.has_value() && teller.audit_session.has_value());
  orphan.audit_session = 4243;
  EXPECT_FALSE(arrivals->of(orphan));
}

TEST_F(ArrivalsTest, by_what_makes_one_account_of_another_are_none) {
  for (const char* service : {"sudo", "sudo-i", "su", "su-l", "runuser-l"})
    EXPECT_TRUE(arrivals->come(self(), arrived(service)));
  EXPECT_EQ(arrivals->count(), 0U);
  EXPECT_EQ(arrivals->come(self(), arrived("")).error().code, Code::kInvalid);
}

TEST_F(ArrivalsTest, say_of_ssh_only_what_sshd_told) {
  const os::Peer teller = self();
  wire::Arrived claimed = arrived("sshd");
  claimed.connection = "192.0.2.7 52014 192.0.2.1 22";
  claimed.proof = "publickey ssh-ed25519 AAAA\n";
  ASSERT_TRUE(arrivals->come(teller, claimed));
  line = {process("sshd", teller.process, 0)};
  EXPECT_EQ(arrivals->of(recorder()), arrived("sshd"));
}

TEST_F(ArrivalsTest, outlive_the_agent_and_not_their_process) {
  const os::Peer teller = self();
  ASSERT_TRUE(arrivals->come(teller, arrived()));
  os::Peer dead = self();
  dead.process = {0x7fffffff, 1};
  ASSERT_TRUE(arrivals->come(dead, arrived()));
  ASSERT_TRUE(files.replace_lazily(std::string(kDirectory) + "/1.x", as_bytes(std::string("?"))));
  EXPECT_EQ(arrivals->count(), 2U);
  restart();
  EXPECT_EQ(arrivals->count(), 1U);
  line = {process("login", teller.process, 0)};
  EXPECT_EQ(arrivals->of(recorder()), arrived());
  EXPECT_EQ(files.list(kDirectory)->size(), 1U);
  ASSERT_TRUE(arrivals->come(dead, arrived()));
  arrivals->forget_the_dead();
  EXPECT_EQ(arrivals->count(), 1U);
}

TEST_F(ArrivalsTest, by_sshd_without_a_session_are_found_once) {
  const os::Peer teller = self();
  const BootTime begun{std::chrono::seconds(100)}, due = begun + Arrivals::kPatience;
  ASSERT_TRUE(arrivals->come(teller, arrived("sshd")));
  EXPECT_TRUE(arrivals->step(begun).empty());
  EXPECT_TRUE(arrivals->step(due - Micros(1)).empty());
  const auto findings = arrivals->step(due);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].rule, "unrecorded");
  EXPECT_TRUE(findings[0].what.find("ada was let in by sshd from 192.0.2.7") != std::string::npos);
  EXPECT_TRUE(arrivals->step(due + Arrivals::kPatience).empty());
}

TEST_F(ArrivalsTest, by_sshd_that_were_over_before_a_session_began_are_found) {
  const os::Peer teller = self();
  const BootTime now{std::chrono::seconds(100)};
  ASSERT_TRUE(arrivals->come(teller, arrived("sshd")));
  ASSERT_TRUE(arrivals->leave(teller));
  line = {process("sshd", teller.process, 0)};
  EXPECT_FALSE(arrivals->of(recorder())) << "what begins behind it is of no login";
  ASSERT_EQ(arrivals->step(now).size(), 1U);
  EXPECT_EQ(arrivals->count(), 0U);
  EXPECT_TRUE(arrivals->step(now).empty());

  os::Peer dead = self();
  dead.process = {0x7fffffff, 1};
  ASSERT_TRUE(arrivals->come(dead, arrived("sshd")));
  arrivals->forget_the_dead();
  EXPECT_EQ(arrivals->step(now).size(), 1U) << "its process was killed and said nothing";

  ASSERT_TRUE(arrivals->come(teller, arrived("sshd")));
  EXPECT_TRUE(arrivals->of(recorder()));
  ASSERT_TRUE(arrivals->leave(teller));
  EXPECT_EQ(arrivals->count(), 0U);
  EXPECT_TRUE(arrivals->step(now).empty()) << "it had one";
}

TEST_F(ArrivalsTest, that_are_over_keep_no_room_however_many) {
  os::Peer each = self();
  for (uint32_t i = 0; i < 100; ++i) {
    each.process = {0x70000000 + i, 1};
    ASSERT_TRUE(arrivals->come(each, arrived("sshd")));
    ASSERT_TRUE(arrivals->leave(each));
  }
  const auto findings = arrivals->step(BootTime{std::chrono::seconds(100)});
  ASSERT_EQ(findings.size(), Arrivals::kFindingsMax + 1);
  EXPECT_TRUE(findings.back().what.find("84 more") != std::string::npos) << findings.back().what;
  EXPECT_EQ(arrivals->count(), 0U);
}

TEST_F(ArrivalsTest, with_a_session_or_by_another_service_are_no_finding) {
  const BootTime begun{std::chrono::seconds(100)}, due = begun + Arrivals::kPatience;
  ASSERT_TRUE(arrivals->come(self(), arrived("login")));
  (void)arrivals->step(begun);
  EXPECT_TRUE(arrivals->step(due).empty()) << "cron has no session either";
  ASSERT_TRUE(arrivals->come(self(), arrived("sshd")));
  (void)arrivals->step(begun);
  line = {process("sshd", self().process, 0)};
  EXPECT_TRUE(arrivals->of(recorder()));
  EXPECT_TRUE(arrivals->step(due).empty());
  restart();
  (void)arrivals->step(begun);
  EXPECT_TRUE(arrivals->step(due).empty()) << "what it had before, nobody knows";
}

TEST_F(ArrivalsTest, are_bounded) {
  os::Peer each = self();
  for (uint32_t i = 0; i < Arrivals::kCountMax; ++i) {
    each.process = {0x70000000 + i, 1};
    ASSERT_TRUE(arrivals->come(each, arrived()));
  }
  each.process = {77, 1};
  EXPECT_EQ(arrivals->come(each, arrived()).error().code, Code::kBusy);
}

}  // namespace
}  // namespace stele::agent
