#include "agent/quota.h"
#include "agent/test_sudo_host.h"

namespace stele::agent {
namespace {

TEST_F(SudoHostTest, OnlyWhatIsDurableIsCommitted) {
  const auto host = connected();
  begun(*host);
  ASSERT_TRUE(say(*host, shown("a")));
  const uint64_t first = messages();
  ASSERT_TRUE(say(*host, shown("b")));
  EXPECT_TRUE(host->take_replies().empty());
  sessions.make_durable(first);
  ASSERT_TRUE(host->step());
  EXPECT_EQ(told(*host).point, kStep);
  ASSERT_TRUE(say(*host, sudolog::Exit{}));
  EXPECT_EQ(told(*host).point, 2 * kStep) << "the session is durable when it is closed";
  EXPECT_TRUE(sessions.only().closed && host->is_over());
  EXPECT_FALSE(files.exists(memory.sudo_notes(sessions.sessions.begin()->first)));
}

TEST_F(SudoHostTest, WhatPolicyLeavesOutIsAnsweredAndNotKept) {
  policy.terms.is_recorded = false;
  std::vector<Notice> notices;
  policy.tell = [&](const Notice& notice) { notices.push_back(notice); };
  const auto host = connected();
  ASSERT_TRUE(say(*host, accepted()));
  EXPECT_EQ(told(*host).kind, kLogId);
  ASSERT_TRUE(say(*host, shown("a")) && say(*host, inside("/bin/ls")));
  ASSERT_TRUE(say(*host, sudolog::Exit{}));
  EXPECT_EQ(told(*host).point, kStep) << "which sudo waits for";
  EXPECT_TRUE(sessions.sessions.empty());
  EXPECT_EQ(notices.size(), 1U);
}

TEST_F(SudoHostTest, WhomPolicyRefusesRunsNothing) {
  policy.refusal = "no policy";
  const auto host = connected();
  EXPECT_FALSE(say(*host, accepted()));
  EXPECT_EQ(told(*host).kind, kAbort);
  EXPECT_TRUE(host->is_over());
}

TEST_F(SudoHostTest, AFullSpoolEndsTheCommand) {
  const auto host = connected();
  begun(*host);
  sessions.full = true;
  EXPECT_FALSE(say(*host, shown("a")));
  EXPECT_EQ(told(*host).kind, kAbort);
}

TEST_F(SudoHostTest, AboveAQuotaTheRecordSaysSoOnce) {
  Quotas quotas(clock);
  policy::Quotas limits;
  limits.session.bytes_per_second = 10;
  policy.meter = quotas.meter("rule", 1000, limits);
  const auto host = connected();
  begun(*host);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(say(*host, shown(std::string(100, 'x'))));
  const auto& notes = sessions.only().notes;
  EXPECT_EQ(std::ranges::count(notes, "slowed", &event::Finding::rule), 1);
  EXPECT_EQ(recorded(event::Lane::kOutput).size(), 900U) << "and nothing is dropped";
}

TEST_F(SudoHostTest, WhatComesOutOfTurnIsRefused) {
  const auto early = SudoHost::make(world).value();
  EXPECT_FALSE(say(*early, accepted()));
  EXPECT_EQ(told(*early).kind, kError);
  EXPECT_FALSE(say(*early, sudolog::Hello{}));
  const std::vector<sudolog::ClientMessage> all = {sudolog::Hello{}, shown("a"), sudolog::Exit{},
                                                   sudolog::WindowSize{}, sudolog::Suspend{}};
  for (const auto& each : all) {
    const auto host = connected();
    EXPECT_FALSE(say(*host, each));
    EXPECT_TRUE(host->is_over());
  }
  EXPECT_TRUE(sessions.sessions.empty());
}

TEST_F(SudoHostTest, ARejectionIsASessionOfItsOwn) {
  const auto host = connected();
  auto rejected = accepted();
  rejected.kind = sudolog::Decision::Kind::kReject;
  ASSERT_TRUE(say(*host, rejected));
  EXPECT_TRUE(sessions.only().closed);
}

}  // namespace
}  // namespace stele::agent
